// Building elements. Text only ever becomes a text node: nothing from claim, corpus or server is read as markup.

/** An element with properties (`class`, `hidden`, `data-…`, `on…` as a function) and children, strings being text. */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** Foreign text apart from its surroundings: a right-to-left name does not turn the line around. */
export function isolated(text) {
  return element("bdi", {}, text);
}

/** The element of this id, which index.html has. */
export function byId(id) {
  return document.getElementById(id);
}

/** Parts with a separator between them. */
export function joined(parts, separator) {
  return parts.flatMap((part, number) => (number ? [separator, part] : [part]));
}

/** A bar of a share of 1; its words stand beside it, so it is left out for screen readers. */
export function bar(kind, share) {
  const made = element("span", { class: `bar ${kind}`, "aria-hidden": "true" });
  made.style.setProperty("--share", `${(100 * share).toFixed(1)}%`);
  return made;
}
