// `node ../../tools/bundle.mjs NAME…` runs in a package before it is packed. It bundles dist/NAME.js and its imports
// into dist/NAME.bundle.js, because Node needs almost a millisecond per ES module at the start of each generation.
// With --commonjs it writes dist/NAME.bundle.cjs and copies the types, src/NAME.d.cts: Jest cannot `require` an ES module.
// The workspace itself runs the unbundled files.
//
// An ES module that imports `node:http` makes Node read every export of it. One of them is `WebSocket`, so that Node loads
// undici, and with it HTTP/2, TLS and worker threads: 10 ms and 7 MiB in a program that uses CommonJS (Node 22 to 26). So a
// bundle gets the modules of Node from `process.getBuiltinModule` instead (test/packages/start.test.ts).
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { rolldown } from 'rolldown'

const options = { commonjs: { type: 'boolean', default: false } }
const { values, positionals: names } = parseArgs({ options, allowPositionals: true })
const extension = values.commonjs ? 'cjs' : 'js'
const input = Object.fromEntries(names.map((name) => [name, `dist/${name}.js`]))
const bundle = await rolldown({ input, platform: 'node', external: /^[^./]/ })
const { output } = await bundle.generate({
  format: values.commonjs ? 'cjs' : 'esm',
  exports: 'named',
  // Comments are only useful in the repository, and parsing them takes time.
  comments: false,
  entryFileNames: `[name].bundle.${extension}`,
  chunkFileNames: `shared.bundle.${extension}`,
})
for (const { fileName, code, exports } of output) {
  write(fileName, asciiOnly(withoutBuiltinImports(code)) + replacedExports(exports))
}
if (values.commonjs) for (const name of names) write(`${name}.d.cts`, readFileSync(`src/${name}.d.cts`))

function withoutBuiltinImports(code) {
  const pattern = /^import (?:(\w+),? )?(?:\{(.+)\} )?from "(node:[\w/]+)";$/gm
  const replaced = code.replace(pattern, (_, name, members, module) => {
    const builtin = `process.getBuiltinModule("${module}")`
    const whole = name ? `const ${name} = ${builtin};` : ''
    const parts = members ? `const {${members.replaceAll(' as ', ': ')}} = ${name ?? builtin};` : ''
    return [whole, parts].filter(Boolean).join('\n')
  })
  if (/^import .*"node:/m.test(replaced)) throw new Error('an import of a module of Node has an unknown form')
  return replaced
}

/** One other character would double the memory that the source takes in V8. */
function asciiOnly(code) {
  return code.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** Node's `require` of an ES module returns the export of this name. */
function replacedExports(exports) {
  return values.commonjs && exports.includes('module.exports')
    ? "module.exports = exports['module.exports']\n"
    : ''
}

/** Renames the complete file into place, so that concurrent runs never read a partial one. */
function write(fileName, content) {
  const temporary = `dist/.${process.pid}.${fileName}`
  writeFileSync(temporary, content)
  renameSync(temporary, `dist/${fileName}`)
}
