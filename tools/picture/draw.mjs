// Reads lines with terminal colors from standard input and prints them as an SVG image for light and dark pages.
import { readFileSync } from 'node:fs'
import { stripVTControlCharacters } from 'node:util'

const advance = 8.1
const lineHeight = 18
const margin = 20

// The contrast with the background is at least 4.5 to 1.
const light = { page: '#f6f8fa', text: '#1f2328', dim: '#59636e', green: '#116329', yellow: '#7d4e00' }
const dark = { page: '#0d1117', text: '#e6edf3', dim: '#9198a1', green: '#56d364', yellow: '#e3b341' }
const lightColors = { ...light, red: '#b3151d', cyan: '#0a5f82' }
const darkColors = { ...dark, red: '#ff7b72', cyan: '#76e3ea' }

const styles = { 1: 'bold', 2: 'dim', 31: 'red', 32: 'green', 33: 'yellow', 36: 'cyan' }
const ends = { 22: ['bold', 'dim'], 39: ['red', 'green', 'yellow', 'cyan'] }

/** Splits a line at changes of color and at wide gaps, so that each piece has an exact position and width. */
function piecesOf(line) {
  const pieces = []
  const active = new Set()
  let column = 0
  for (const part of line.split(/(\p{Cc}\[\d+m)/u)) {
    const code = /^\p{Cc}\[(\d+)m$/u.exec(part)?.[1]
    if (code) {
      if (styles[code]) active.add(styles[code])
      for (const style of ends[code] ?? []) active.delete(style)
      continue
    }
    const text = plain(part)
    for (const { 0: word, index } of text.matchAll(/\S+(?: \S+)*/g)) {
      pieces.push({ text: word, column: column + index, classes: [...active] })
    }
    column += text.length
  }
  return pieces
}

/** Removes every control character, because XML allows none of them. */
const plain = (text) => stripVTControlCharacters(text).replace(/\p{Cc}/gu, '')

const escaped = (text) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')

const rounded = (value) => Number(value.toFixed(1))

function element({ text, column, classes }, row) {
  const x = rounded(margin + column * advance)
  const y = margin + row * lineHeight + 13
  const style = classes.length > 0 ? ` class="${classes.join(' ')}"` : ''
  return `<text x="${x}" y="${y}" textLength="${rounded(text.length * advance)}"${style}>${escaped(text)}</text>`
}

const rules = ({ page, text, ...colors }) =>
  [
    `.page{fill:${page}}`,
    `text{fill:${text}}`,
    ...Object.entries(colors).map(([name, color]) => `.${name}{fill:${color}}`),
  ].join('')

const lines = readFileSync(0, 'utf8').trimEnd().split('\n')
const widest = Math.max(...lines.map((line) => plain(line).length))
const width = Math.ceil(2 * margin + widest * advance)
const height = 2 * margin + lines.length * lineHeight

console.log(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img">
<title>A terminal that shows npm run demo during its third deploy</title>
<style>
text{font:13.5px ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;white-space:pre}
.bold{font-weight:bold}
${rules(lightColors)}
@media (prefers-color-scheme:dark){${rules(darkColors)}}
</style>
<rect class="page" width="${width}" height="${height}" rx="8"/>
${lines.flatMap((line, row) => piecesOf(line).map((piece) => element(piece, row))).join('\n')}
</svg>`)
