// Validates a JSON list of manifests for test_manifests.py and prints the problems of each in JSON.
//
// The types of the manifest's own project validate it. They ignore unknown members, so a member that the validation does
// not read is reported as unknown.

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
  const readPaths = new Set();
  const found = [];
  try {
    Kind.prototype.validate.call(recordReads(manifest, "", readPaths));
  } catch (error) {
    found.push(error.message);
  }
  for (const path of paths(manifest, "")) {
    if (!readPaths.has(path)) {
      found.push(`unknown: ${path}`);
    }
  }
  return found;
}

/** Returns a proxy of the value that adds the path of each member that is read to `readPaths`. */
function recordReads(value, at, readPaths) {
  if (value === null || typeof value !== "object") {
    return value;
  }
  return new Proxy(value, {
    get(target, name) {
      const path = `${at}/${String(name)}`;
      readPaths.add(path);
      return recordReads(target[name], path, readPaths);
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
