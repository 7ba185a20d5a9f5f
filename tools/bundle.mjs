// `node ../../tools/bundle.mjs NAME…` in a package, before it is packed: dist/NAME.js and all it imports become
// dist/NAME.bundle.js. Node needs most of a millisecond for each file of an ES module, at the start of each
// generation (bench/README.md). The workspace itself runs the files as they are.
import { renameSync, writeFileSync } from 'node:fs'
import { rolldown } from 'rolldown'

const names = process.argv.slice(2)
const input = Object.fromEntries(names.map((name) => [name, `dist/${name}.js`]))
const bundle = await rolldown({ input, platform: 'node', external: /^[^./]/ })
const { output } = await bundle.generate({
  format: 'esm',
  // They are in the repository; to skip them takes time, too.
  comments: false,
  entryFileNames: '[name].bundle.js',
  chunkFileNames: 'shared.bundle.js',
})
for (const { fileName, code } of output) {
  // Two that pack at once shall not read each other's halves.
  const temporary = `dist/.${process.pid}.${fileName}`
  writeFileSync(temporary, code)
  renameSync(temporary, `dist/${fileName}`)
}
