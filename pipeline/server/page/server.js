// Requests to this page's own server: its token, its refusals, and answers that come line by line.

/** A request that was not answered; `message` is a sentence for people. */
export class Refusal extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

const UNREACHABLE = "The server cannot be reached. Is claimhound serve still running, and is the network there?";
const BUSY_S = 2;
// In this tab's memory only.
let token = null;
let askForToken = null;
let tellWaiting = () => {};

/** `ask(wasRefused)` returns a promise of a token, or null if there is none. */
export function onTokenNeeded(ask) {
  askForToken = ask;
}

/** `tell(seconds)` is called when a request waits because the server is busy. */
export function onWaiting(tell) {
  tellWaiting = tell;
}

/**
 * The response to a request, once the server takes it: a token is asked for, and a busy server is asked again.
 *
 * Throws Refusal for every other refusal, and AbortError if `signal` is aborted.
 */
export async function request(path, options = {}) {
  for (;;) {
    const used = token;
    const response = await send(path, options);
    if (response.ok) return response;
    if (response.status === 401 && askForToken !== null) {
      if (token !== used) continue; // another request has been given one meanwhile
      const given = await tokenFor(used !== null);
      options.signal?.throwIfAborted();
      if (given === null) throw new Refusal(401, "no_token", "This server answers nobody without its token.");
      continue;
    }
    // Without Retry-After, as for more jobs than a server keeps, waiting alone does not help.
    if (response.status === 429 && response.headers.has("retry-after")) {
      await pause(Number(response.headers.get("retry-after")) || BUSY_S, options.signal);
      continue;
    }
    throw await refusalOf(response);
  }
}

let asking = null;
/** All requests that need a token wait for one form. */
function tokenFor(wasRefused) {
  asking ??= askForToken(wasRefused)
    .then((given) => {
      if (given !== null) token = given;
      return given;
    })
    .finally(() => {
      asking = null;
    });
  return asking;
}

async function send(path, options) {
  const headers = { ...options.headers };
  if (token !== null) headers.Authorization = `Bearer ${token}`;
  try {
    return await fetch(path, { ...options, headers, cache: "no-store", credentials: "omit", redirect: "error" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(0, "unreachable", UNREACHABLE);
  }
}

async function refusalOf(response) {
  let problem = {};
  try {
    problem = (await response.json()).error ?? {};
  } catch {
    // A proxy's own page: the status says what there is to say.
  }
  const message = problem.message ?? `the server answered with status ${response.status}`;
  return new Refusal(response.status, problem.code ?? "failed", message);
}

/** Wait, second by second, until a busy server may be asked again. */
async function pause(seconds, signal) {
  for (let left = Math.ceil(seconds); left > 0; left -= 1) {
    tellWaiting(left);
    await new Promise((done, fail) => {
      const stop = () => {
        clearTimeout(timer);
        fail(new DOMException("stopped", "AbortError"));
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener("abort", stop);
        done();
      }, 1000);
      if (signal?.aborted) stop();
      else signal?.addEventListener("abort", stop, { once: true });
    });
  }
}

export async function getJson(path, signal) {
  return (await request(path, { signal })).json();
}

function post(record, signal) {
  const headers = { "Content-Type": "application/json" };
  return request("v1/search", { method: "POST", headers, body: JSON.stringify(record), signal });
}

/** The answer to one claim. */
export async function search(record, signal) {
  return (await post(record, signal)).json();
}

/**
 * The answers to `claims`, each with its number as it comes: long lists in several requests, and after a server too busy
 * to go on, again from the first claim that has no answer.
 */
export async function* searchAll(record, claims, limits, signal) {
  let done = 0;
  while (done < claims.length) {
    const portion = portionOf(claims, done, limits);
    const response = await post({ ...record, claims: portion }, signal);
    const end = done + portion.length;
    let busy = false;
    for await (const line of lines(response)) {
      if (line.error) {
        if (line.error.code !== "busy") throw new Refusal(500, line.error.code, line.error.message);
        busy = true;
        break;
      }
      yield [done, line];
      done += 1;
    }
    if (busy) await pause(BUSY_S, signal);
    else if (done < end) throw new Refusal(0, "cut_short", "The connection broke before all claims were answered.");
  }
}

function portionOf(claims, start, limits) {
  const room = 0.8 * limits.body_bytes;
  let end = start;
  let bytes = 0;
  while (end < claims.length && end - start < limits.claims) {
    bytes += 6 * claims[end].length; // as JSON, a character has six bytes at most
    if (bytes > room && end > start) break;
    end += 1;
  }
  return claims.slice(start, end);
}

async function* lines(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const parts = (rest + value).split("\n");
      rest = parts.pop();
      for (const part of parts) if (part) yield JSON.parse(part);
    }
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(0, "unreachable", UNREACHABLE);
  } finally {
    reader.cancel().catch(() => {}); // nobody reads on: the server is told to stop
  }
}
