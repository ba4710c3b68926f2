// Renders /openapi.json. Everything becomes text nodes, never HTML, so that no comment of a contract can be a script.

const VERBS = ["get", "post", "put", "patch", "delete"];

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

// `code` in backquotes, as comments have it.
const prose = (text) => (text ?? "").split("`").map((part, n) => (n % 2 ? element("code", {}, part) : part));

const api = await (await fetch("/openapi.json")).json();
const operations = Object.entries(api.paths).flatMap(([path, item]) =>
  VERBS.filter((verb) => item[verb]).map((verb) => ({ path, verb, ...item[verb] })),
);

const nameOf = (reference) => reference.split("/").pop();
const resolve = (value) =>
  value && value.$ref ? value.$ref.slice(2).split("/").reduce((part, word) => part[word], api) : value;

function type(schema) {
  if (!schema) return ["any"];
  if (schema.$ref) return [element("a", { href: `#schema-${nameOf(schema.$ref)}` }, nameOf(schema.$ref))];
  if (schema.anyOf) return schema.anyOf.flatMap((one, n) => (n ? [" or ", ...type(one)] : type(one)));
  if (schema.type === "array") return ["list of ", ...type(schema.items)];
  const names = [].concat(schema.type ?? "any").join(" or ");
  return [schema.format ? `${names} (${schema.format})` : names];
}

const LIMITS = [
  ["minLength", "at least # characters"],
  ["maxLength", "at most # characters"],
  ["minimum", "from #"],
  ["maximum", "to #"],
  ["minItems", "at least # items"],
  ["maxItems", "at most # items"],
  ["default", "default #"],
];
const INT32 = [-(2 ** 31), 2 ** 31 - 1];

function limits(schema) {
  const said = LIMITS.filter(([name]) => schema[name] !== undefined && !INT32.includes(schema[name]));
  return said.map(([name, words]) => words.replace("#", schema[name])).join(", ");
}

function values(schema) {
  const listed = schema.enum ?? schema.items?.enum;
  return listed ? element("div", { class: "values" }, ...listed.map((value) => element("code", {}, value))) : null;
}

function row(name, schema, { required = false, place = "", text = "" } = {}) {
  const limit = limits(schema);
  return element(
    "tr",
    {},
    element("th", {}, element("code", {}, name), required ? element("span", { class: "mark" }, "required") : null),
    element("td", {}, element("span", { class: "type" }, ...type(schema), place ? ` · ${place}` : "", limit ? ` · ${limit}` : "")),
    element("td", {}, ...prose(text || schema.description), values(schema)),
  );
}

const table = (rows) => element("div", { class: "table" }, element("table", {}, ...rows));

function section(title, ...content) {
  return [element("h4", {}, title), ...content];
}

function properties(schema) {
  const found = Object.entries(schema.properties ?? {});
  // Everything an answer has is always there; saying so at every line would hide the lines.
  const all = found.every(([name]) => schema.required?.includes(name));
  return table(found.map(([name, one]) => row(name, one, { required: !all && schema.required?.includes(name) })));
}

function signing(operation) {
  const asks = (operation.security ?? []).flatMap((one) => Object.keys(one));
  return asks.length ? "Bearer token or session cookie." : "Needs no sign-in.";
}

function body(operation) {
  if (!operation.requestBody) return [];
  const json = operation.requestBody.content["application/json"];
  return json ? section("Body (JSON)", properties(resolve(json.schema))) : section("Body", "The file itself.");
}

function parameters(operation) {
  const rows = (operation.parameters ?? []).map(resolve).map((one) =>
    row(one.name, one.schema, { required: one.required, place: one.in, text: one.description }),
  );
  return rows.length ? section("Parameters", table(rows)) : [];
}

function answers(operation) {
  const good = Object.entries(operation.responses).filter(([status]) => status < "300");
  const bad = Object.entries(operation.responses).filter(([status]) => status >= "300");
  const rows = good.map(([status, response]) => {
    const content = Object.entries(response.content ?? {});
    const what = content.flatMap(([media, one]) => (media === "application/json" ? type(one.schema) : [media]));
    return element("tr", {}, element("th", {}, status), element("td", {}, ...(what.length ? what : ["no content"])));
  });
  const codes = bad.map(([status, response]) => element("span", {}, `${status} ${resolve(response).description}`));
  return [...section("Answer", table(rows)), ...section("Problems", element("div", { class: "codes muted" }, ...codes))];
}

function article(operation) {
  return element(
    "article",
    { id: operation.operationId, "data-find": [operation.operationId, operation.path, operation.description].join(" ") },
    element(
      "h3",
      {},
      element("span", { class: `verb ${operation.verb}` }, operation.verb.toUpperCase()),
      element("span", { class: "path" }, operation.path),
    ),
    element("p", { class: "text" }, ...prose(operation.description)),
    element("p", { class: "muted" }, signing(operation)),
    ...parameters(operation),
    ...body(operation),
    ...answers(operation),
  );
}

function schemaArticle([name, schema]) {
  const details = schema.properties ? properties(schema) : (values(schema) ?? element("p", {}, ...type(schema)));
  return element(
    "article",
    { id: `schema-${name}`, "data-find": `${name} ${schema.description ?? ""}` },
    element("h3", {}, element("span", { class: "path" }, name)),
    schema.description ? element("p", { class: "text" }, ...prose(schema.description)) : null,
    details,
  );
}

function problemRows() {
  return Object.entries(api["x-problem-codes"]).map(([code, { status, title }]) =>
    element("tr", { id: code }, element("th", {}, element("code", {}, code)), element("td", {}, String(status)), element("td", {}, title)),
  );
}

function group(title, id, text, ...content) {
  const lead = text ? element("p", { class: "lead" }, ...prose(text)) : null;
  return element("section", { "data-group": "" }, element("h2", { id }, title), lead, ...content);
}

const ofTag = (tag) => operations.filter((operation) => operation.tags.includes(tag.name));
const schemas = Object.entries(api.components.schemas);

document.querySelector("main").replaceChildren(
  element("h1", {}, `${api.info.title} API`),
  element("p", { class: "lead" }, ...prose(api.info.description)),
  element("p", {}, "The machine-readable document: ", element("a", { href: "/openapi.json" }, "/openapi.json"), ` (OpenAPI ${api.openapi}).`),
  ...api.tags.map((tag) => group(tag.name.replace(/Service$/, ""), tag.name, tag.description, ...ofTag(tag).map(article))),
  group("Problem codes", "problems", "The `code` of a problem is for programs and never changes.", table(problemRows())),
  group("Schemas", "schemas", "", ...schemas.map(schemaArticle)),
  element("p", { id: "nothing", class: "muted", role: "status", hidden: "" }),
);

const link = (href, ...children) => element("li", {}, element("a", { href }, ...children));
const list = (title, links) => element("section", { "data-group": "" }, element("h2", {}, title), element("ul", {}, ...links));

document.querySelector("#contents").replaceChildren(
  ...api.tags.map((tag) =>
    list(
      tag.name.replace(/Service$/, ""),
      ofTag(tag).map((one) => link(`#${one.operationId}`, element("span", { class: `verb ${one.verb}` }, one.verb.toUpperCase()), one.operationId)),
    ),
  ),
  list("More", [link("#problems", "Problem codes"), link("#schemas", "Schemas")]),
);

// What a search shows or hides; links go with what they lead to.
const ENTRIES = "[data-find], main tr[id]";
const each = (selector, act) => document.querySelectorAll(selector).forEach(act);
const empty = (part, entries) => [...part.querySelectorAll(entries)].every((entry) => entry.hidden);
const target = (item) => document.getElementById(item.querySelector("a").hash.slice(1));

document.querySelector("#find").addEventListener("input", (event) => {
  const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
  const found = (text) => words.every((word) => text.toLowerCase().includes(word));
  each(ENTRIES, (one) => (one.hidden = !found(one.dataset.find ?? one.textContent)));
  // A heading without anything below it says nothing.
  each("main [data-group]", (one) => (one.hidden = empty(one, ENTRIES)));
  each("#contents li", (one) => (one.hidden = target(one).closest("[hidden]") !== null));
  each("#contents [data-group]", (one) => (one.hidden = empty(one, "li")));
  const nothing = document.querySelector("#nothing");
  nothing.hidden = !empty(document.querySelector("main"), "[data-group]");
  nothing.textContent = nothing.hidden ? "" : `Nothing here speaks of “${event.target.value.trim()}”.`;
});

// The place in the address did not exist yet when the browser looked for it.
if (location.hash) document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
