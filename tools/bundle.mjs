// `node ../../tools/bundle.mjs NAME…` runs in a package before it is packed. It bundles dist/NAME.js and its imports
// into dist/NAME.bundle.js, because Node needs almost a millisecond per ES module at the start of each generation.
// The workspace itself runs the unbundled files.
import { renameSync, writeFileSync } from 'node:fs'
import { rolldown } from 'rolldown'

const names = process.argv.slice(2)
const input = Object.fromEntries(names.map((name) => [name, `dist/${name}.js`]))
const bundle = await rolldown({ input, platform: 'node', external: /^[^./]/ })
const { output } = await bundle.generate({
  format: 'esm',
  // Comments are only useful in the repository, and parsing them takes time.
  comments: false,
  entryFileNames: '[name].bundle.js',
  chunkFileNames: 'shared.bundle.js',
})
for (const { fileName, code } of output) {
  // Rename the complete file into place, so that concurrent runs never read a partial one.
  const temporary = `dist/.${process.pid}.${fileName}`
  writeFileSync(temporary, code)
  renameSync(temporary, `dist/${fileName}`)
}
