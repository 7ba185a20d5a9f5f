// `node type-errors.cjs MODULE/RESOLUTION…` runs beside imports.mts and imports.cts, and prints the errors of TypeScript 5
// in them and in the declarations of Handover. One process for all pairs, because most of the time goes into the other files.
const ts = require('typescript')

const files = new Map()

function errorsWith(module, moduleResolution) {
  const { options, errors } = ts.convertCompilerOptionsFromJson(
    {
      module,
      moduleResolution,
      target: 'es2023',
      lib: ['es2023'],
      strict: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
      types: ['node'],
      esModuleInterop: true,
    },
    __dirname,
  )
  const host = ts.createCompilerHost(options)
  const { getSourceFile } = host
  host.getSourceFile = (name, settings, ...rest) => {
    const key = `${name} ${settings.impliedNodeFormat} ${settings.jsDocParsingMode}`
    if (!files.has(key)) files.set(key, getSourceFile(name, settings, ...rest))
    return files.get(key)
  }
  const program = ts.createProgram(['imports.mts', 'imports.cts'], options, host)
  const own = program.getSourceFiles().filter(({ fileName }) => /@handover|imports/.test(fileName))
  const found = own.flatMap((each) => [
    ...program.getSyntacticDiagnostics(each),
    ...program.getSemanticDiagnostics(each),
  ])
  return [...errors, ...program.getOptionsDiagnostics(), ...program.getGlobalDiagnostics(), ...found]
}

for (const pair of process.argv.slice(2)) {
  for (const { file, messageText } of errorsWith(...pair.split('/')))
    console.log(`${pair}: ${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`)
}
