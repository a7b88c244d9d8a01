// Prints the JSON Schemas of Istio's and the Gateway API's own CRDs, by "<apiVersion>/<kind>", for test_manifests.py.

import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const schemas = {};

// The packages hand each schema to a registry, and do not export it.
for (const from of ["istio", "gateway-api"].map((name) => createRequire(require.resolve(`@kubernetes-models/${name}`)))) {
  const file = from.resolve("@kubernetes-models/validate");
  const exports = { ...from(file), register: (id, schema) => (schemas[id] = schema) };
  require.cache[file].exports = exports;
}

const groups = [
  ["istio", "networking.istio.io/v1alpha3"],
  ["istio", "networking.istio.io/v1beta1"],
  ["istio", "extensions.istio.io/v1alpha1"],
  ["gateway-api", "gateway.networking.k8s.io/v1"],
];
for (const [name, group] of groups) {
  const kinds = require(new URL(`node_modules/@kubernetes-models/${name}/${group}/index.js`, import.meta.url).pathname);
  for (const Kind of Object.values(kinds)) {
    try {
      new Kind({}).validate();
    } catch {
      // It need not be valid: the schema is registered when it is first used.
    }
  }
}
const named = Object.entries(schemas).map(([id, schema]) => {
  const [, group, version, kind] = id.match(/^(.*)\.(v[^.]*)\.(.*)$/);
  return [`${group}/${version}/${kind}`, schema];
});
console.log(JSON.stringify(Object.fromEntries(named)));
