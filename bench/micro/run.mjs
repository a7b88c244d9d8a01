// Runs benchmarks that were compiled to Wasm: node --no-liftoff run.mjs MODULE RESULTS [ARGUMENT...]
//
// Node has the same engine as Envoy, V8. With --no-liftoff it compiles all code with the optimising compiler, as Envoy does.

import { readFile } from "node:fs/promises";
import { WASI } from "node:wasi";

const [file, results, ...args] = process.argv.slice(2);
const wasi = new WASI({
  version: "preview1",
  args: ["micro", ...args],
  env: { CRITERION_HOME: "/results" },
  preopens: { "/results": results },
});
const module = await WebAssembly.compile(await readFile(file));
const imports = wasi.getImportObject();
// The host functions, which no benchmark calls.
imports.env = {};
for (const { module: from, name } of WebAssembly.Module.imports(module)) {
  if (from === "env") {
    imports.env[name] = () => {
      throw new Error(`there is no host for ${name}`);
    };
  }
}
// The filter's callbacks are exported along, its start among them, which a command must not have.
const { memory, _start } = (await WebAssembly.instantiate(module, imports)).exports;
process.exitCode = wasi.start({ exports: { memory, _start } });
