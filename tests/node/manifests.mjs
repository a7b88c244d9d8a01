// Reads a JSON list of manifests and prints what is wrong with each by its project's own types, for test_manifests.py:
// the errors of their validation, and the members that they do not know. Those are the ones that it never looks at.

import { readFileSync } from "node:fs";

const PACKAGES = {
  "extensions.istio.io": "istio",
  "networking.istio.io": "istio",
  "gateway.networking.k8s.io": "gateway-api",
  "gateway.envoyproxy.io": "envoy-gateway",
};

async function problems(manifest) {
  const { apiVersion, kind } = manifest;
  const { [kind]: Kind } = await import(`@kubernetes-models/${PACKAGES[apiVersion.split("/")[0]]}/${apiVersion}/${kind}`);
  const looked = new Set();
  const found = [];
  try {
    Kind.prototype.validate.call(watched(manifest, "", looked));
  } catch (error) {
    found.push(error.message);
  }
  for (const path of paths(manifest, "")) {
    if (!looked.has(path)) {
      found.push(`unknown: ${path}`);
    }
  }
  return found;
}

/** The same value, which notes the path of each member that is parameters for. */
function watched(value, at, looked) {
  if (value === null || typeof value !== "object") {
    return value;
  }
  return new Proxy(value, {
    get(target, name) {
      const path = `${at}/${String(name)}`;
      looked.add(path);
      return watched(target[name], path, looked);
    },
  });
}

function paths(value, at) {
  if (value === null || typeof value !== "object") {
    return [];
  }
  return Object.entries(value).flatMap(([name, member]) => [`${at}/${name}`, ...paths(member, `${at}/${name}`)]);
}

const manifests = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(await Promise.all(manifests.map(problems))));
