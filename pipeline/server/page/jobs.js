// Files of claims, which the server works through as jobs; hidden where it keeps none.

import { bar, byId, element } from "./elements.js";
import { getJson, request } from "./server.js";
import { counted, printable } from "./words.js";

const EVERY_MS = 2000;
const ENDED = ["finished", "failed", "cancelled"];
const FORMATS = [["html", "Page"], ["jsonl", "JSON Lines"]];

/** Show the part for files if the server has jobs. `filters()` returns the fields that a job has in common with a search. */
export async function startJobs(filters) {
  let known;
  try {
    known = await getJson("v1/jobs");
  } catch {
    return; // 404: this server keeps no jobs
  }
  byId("jobs").hidden = false;
  for (const job of known.jobs ?? []) follow(job);
  const drop = byId("jobs-drop");
  const file = byId("jobs-file");
  drop.addEventListener("dragover", (event) => event.preventDefault());
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length) file.files = event.dataTransfer.files;
  });
  byId("jobs-send").addEventListener("click", () => send(file, filters));
}

async function send(input, filters) {
  const [file] = input.files;
  tellProblem(file ? null : "Choose a file first.");
  if (!file) return;
  try {
    const body = new FormData();
    for (const [name, value] of Object.entries(filters())) body.append(name, value);
    body.append("file", file);
    const job = await (await request("v1/jobs", { method: "POST", body })).json();
    input.value = "";
    follow(job, file.name);
  } catch (error) {
    tellProblem(error.message);
  }
}

/** Show a job, and how far it is until it ends. */
async function follow(job, name = job.name ?? job.id) {
  const item = element("li", { class: "job", "aria-label": `Job ${printable(name)}` });
  byId("jobs-list").prepend(item);
  const path = `v1/jobs/${encodeURIComponent(job.id)}`;
  const remove = () =>
    request(path, { method: "DELETE" }).then(
      () => item.remove(),
      (error) => tellProblem(error.message),
    );
  for (;;) {
    item.replaceChildren(...jobElements(job, name, path, remove));
    if (ENDED.includes(job.state)) return;
    await new Promise((done) => setTimeout(done, EVERY_MS));
    if (!item.isConnected) return;
    try {
      job = await getJson(path);
    } catch (error) {
      item.append(element("p", { class: "fault" }, error.message));
      return;
    }
  }
}

function jobElements(job, name, path, remove) {
  const total = job.total ?? 0;
  const far = total ? `${job.done} of ${counted(total, "claim")}` : counted(job.done ?? 0, "claim");
  const rejected = job.n_rejected ? `, ${counted(job.n_rejected, "record")} rejected` : "";
  const parts = [
    element("p", {}, element("b", {}, element("bdi", {}, printable(name))), ` ${job.state}: ${far}${rejected}`),
    bar("relevance", total ? job.done / total : 0),
  ];
  if (job.message) parts.push(element("p", { class: "soft" }, printable(job.message)));
  const actions = element("p", { class: "actions" });
  if (job.state === "finished") {
    for (const [format, words] of FORMATS) {
      actions.append(element("button", { type: "button", onclick: () => save(path, format, name) }, words));
    }
  }
  actions.append(element("button", { type: "button", class: "plain", onclick: remove }, "Delete"));
  parts.push(actions);
  return parts;
}

/** Save a job's output. A link could not carry the token. */
async function save(path, format, name) {
  try {
    const content = await (await request(`${path}/output?format=${format}`)).blob();
    const address = URL.createObjectURL(content);
    element("a", { href: address, download: `${name.replace(/\.\w+$/, "")}.${format}` }).click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
  } catch (error) {
    tellProblem(error.message);
  }
}

function tellProblem(words) {
  const place = byId("jobs-problem");
  place.textContent = words ?? "";
  place.hidden = !words;
}
