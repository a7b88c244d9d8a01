"use strict";
const at = (id) => document.getElementById(id);
const path = location.pathname.replace(/\/+$/, "");
const kinds = JSON.parse(at("kinds").textContent);
const prefix = kinds.prefix;
const name = path.length > prefix.length ? path.slice(prefix.length + 1) : null;
let token = "";

function add(parent, tag, text, properties) {
  const element = Object.assign(document.createElement(tag), properties);
  if (text !== undefined) element.textContent = text;
  return parent.appendChild(element);
}

async function get(url) {
  const headers = { accept: "application/json" };
  if (token) headers[kinds.token_header] = "Bearer " + token;
  const response = await fetch(url, { headers, cache: "no-store" });
  const body = await response.json().catch(() => ({}));
  if (response.ok) return body;
  throw Object.assign(new Error(body.message || "the gateway answered " + response.status), { status: response.status });
}

function snippet(parent, title, text) {
  const box = add(parent, "section", undefined, { className: "snippet" });
  const bar = add(box, "div", undefined, { className: "bar" });
  add(bar, "h3", title);
  const button = add(bar, "button", "Copy", { type: "button", ariaLabel: "Copy " + title });
  add(add(box, "pre", undefined, { tabIndex: 0, ariaLabel: title }), "code", text);
  button.onclick = async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(box.querySelector("code"));
      button.textContent = "Selected";
    }
    at("state").textContent = title + ": " + button.textContent.toLowerCase();
    setTimeout(() => (button.textContent = "Copy"), 2000);
  };
}

function facts(parent, pairs) {
  const list = add(parent, "dl");
  for (const [term, value] of pairs) {
    add(list, "dt", term);
    add(list, "dd", value);
  }
}

function number(value) {
  return value === null || value === undefined ? "–" : value.toLocaleString();
}

function usage(parent, totals, since) {
  add(parent, "h2", "Usage");
  add(parent, "p", since ? "Since " + since + ", all workers together." : "", { className: "hint" });
  const scroll = add(parent, "div", undefined, { className: "scroll", tabIndex: 0, role: "region", ariaLabel: "Usage" });
  const table = add(scroll, "table");
  const head = add(add(table, "thead"), "tr");
  for (const [index, title] of ["Model", "Requests", "Input tokens", "Output tokens", "Cost"].entries())
    add(head, "th", title, { scope: "col", className: index ? "number" : "" });
  const body = add(table, "tbody");
  for (const line of [...totals.models, { model: "All", ...totals }]) {
    const row = add(body, "tr");
    add(row, "th", line.model, { scope: "row" });
    for (const value of [line.requests, line.input_tokens, line.output_tokens, line.cost])
      add(row, "td", number(value), { className: "number" });
  }
}

function fill(text, values) {
  return text.replace(/\{\{(\w+)\}\}/g, (whole, key) => values[key] ?? whole);
}

// A catalog without an entry for the caller allows nothing; without a catalog everything is allowed.
function modelsOf(provider, all) {
  return provider.models.join(", ") || (provider.models_restricted ? "none" : all);
}

function showProvider(parent, provider, all) {
  // Where this page came from is where clients go; it is the browser's word, not the answer's.
  const proxyUrl = location.origin + prefix + "/" + provider.name;
  const kind = kinds.types[provider.type];
  const models = provider.models.filter((model) => !model.endsWith("*"));
  const issuer = (provider.tokens || [])[0] || {};
  const values = {
    proxy_url: proxyUrl,
    model: models[0] || kind.model,
    issuer: (issuer.issuer || "https://<issuer>").replace(/\/+$/, ""),
    audience: issuer.audience || "<audience>",
  };
  document.title = provider.display_name + " – AI Gateway";
  at("title").textContent = "Connect your app to " + provider.display_name;
  facts(parent, [
    ["Status", provider.status],
    ["Type", provider.type],
    ["Provider", provider.base_url],
    ["Models", modelsOf(provider, "all that the provider has")],
  ]);
  add(parent, "h2", "Proxy URL");
  snippet(parent, "Proxy URL", proxyUrl);
  add(parent, "h2", "1. Get a gateway token");
  if (provider.authorization_passthrough)
    add(parent, "p", "Your own credential for the provider goes through unchanged. A gateway token, where one is wanted, goes into the header " + kinds.token_header + ".", { className: "hint" });
  snippet(parent, "Token, by client credentials", fill(kinds.token, values));
  add(parent, "h2", "2. Send a request");
  for (const { title, text } of kind.snippets) snippet(parent, title, fill(text, values));
  const totals = all.providers.find((line) => line.name === provider.name);
  if (totals) usage(parent, totals, all.since);
}

function showList(parent, list) {
  at("title").textContent = "Providers";
  const scroll = add(parent, "div", undefined, { className: "scroll", tabIndex: 0, role: "region", ariaLabel: "Providers" });
  const table = add(scroll, "table");
  const head = add(add(table, "thead"), "tr");
  for (const title of ["Provider", "Type", "Status", "Models"]) add(head, "th", title, { scope: "col" });
  const body = add(table, "tbody");
  for (const provider of list.providers) {
    const row = add(body, "tr");
    const link = add(row, "th", undefined, { scope: "row" });
    // A token that was pasted is in this page's memory only: the next view is drawn here, too.
    const anchor = add(link, "a", provider.display_name, { href: prefix + "/" + provider.name });
    anchor.onclick = (event) => {
      if (!token) return;
      event.preventDefault();
      history.pushState(null, "", anchor.href);
      show(provider.name);
    };
    for (const value of [provider.type, provider.status, modelsOf(provider, "all")]) add(row, "td", value);
  }
}

async function show(name) {
  const content = at("content");
  at("state").textContent = "Loading …";
  try {
    const [answer, totals] = await Promise.all([get(prefix + (name ? "/" + encodeURIComponent(name) : "")), name ? get(kinds.usage) : null]);
    at("ask").hidden = true;
    at("state").textContent = "";
    content.replaceChildren();
    if (name) showProvider(content, answer, totals);
    else showList(content, answer);
  } catch (error) {
    content.replaceChildren();
    at("ask").hidden = error.status !== 401;
    at("state").textContent = error.status === 401 && !token ? "Paste a token to see this page." : error.message;
    if (error.status === 401) at("token").focus();
  }
}

at("home").href = prefix;
at("home").onclick = (event) => {
  if (!token) return;
  event.preventDefault();
  history.pushState(null, "", prefix);
  show(null);
};
at("ask").onsubmit = (event) => {
  event.preventDefault();
  token = at("token").value.trim().replace(/^bearer\s+/i, "");
  at("token").value = "";
  show(name);
};
onpopstate = () => {
  const below = location.pathname.replace(/\/+$/, "").slice(prefix.length + 1);
  show(below || null);
};
show(name);
