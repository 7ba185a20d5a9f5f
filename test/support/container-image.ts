// The image of examples/container without Docker: a folder with the files that its Dockerfile asks for.
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { DockerfileParser, type Env, type Instruction } from 'dockerfile-ast'
import { root as repository } from '../docs/pages.js'
import { Packed } from './packed.js'
import { tempDir } from './temp-dir.js'

const run = promisify(execFile)

export interface Image {
  /** The root folder of a container. */
  readonly root: string
  from: string
  folder: string
  user: string
  stopSignal: string
  readonly env: Record<string, string>
  entrypoint: readonly string[]
  command: readonly string[]
  health: readonly string[]
}

/** Does what the README of the example says: installs the packages, and builds the image. Returns it in a new folder. */
export async function buildImage(): Promise<Image> {
  const home = mkdtempSync(join(tmpdir(), 'handover-image-'))
  try {
    const context = join(home, 'context')
    cpSync(join(repository, 'examples', 'container'), context, { recursive: true })
    await installPackages(context)
    const image = baseImage(join(home, 'root'))
    const dockerfile = readFileSync(join(context, 'Dockerfile'), 'utf8')
    for (const each of DockerfileParser.parse(dockerfile).getInstructions()) await apply(each, image, context)
    return image
  } catch (error) {
    rmSync(home, { recursive: true, force: true })
    throw error
  }
}

/** Deletes an image that {@link buildImage} returned. */
export const removeImage = ({ root }: Image): void =>
  rmSync(join(root, '..'), { recursive: true, force: true })

/** A copy whose files the test may change while a container runs, as those of a volume. */
export function copyOf(image: Image): Image {
  const root = join(tempDir(), 'root')
  cpSync(image.root, root, { recursive: true, verbatimSymlinks: true })
  return { ...image, root }
}

/** Creates package.json and package-lock.json, with a dependency that belongs into no image. */
async function installPackages(context: string): Promise<void> {
  const tool = join(context, '..', 'dev-only')
  mkdirSync(tool)
  writeFileSync(join(tool, 'package.json'), '{ "name": "dev-only", "version": "1.0.0" }')
  const packages = new Packed()
  try {
    const tarballs = await packages.pack(['core', 'cli'])
    for (const tarball of tarballs) cpSync(tarball, join(context, '..', tarball.replace(/.*\//, '')))
    const names = tarballs.map((tarball) => `../${tarball.replace(/.*\//, '')}`)
    await run('npm', ['init', '--yes'], { cwd: context })
    await run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', ...names], { cwd: context })
    await run('npm', ['install', '--no-audit', '--no-fund', '--save-dev', '../dev-only'], { cwd: context })
  } finally {
    packages.remove()
  }
}

/** What the base image has: Node, a shell, and the user `node`. */
function baseImage(root: string): Image {
  for (const folder of ['etc', 'home/node', 'tmp', 'usr/local/bin'])
    mkdirSync(join(root, folder), { recursive: true })
  for (const name of ['bin', 'lib', 'lib64', 'sbin']) symlinkSync(join('usr', name), join(root, name))
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0::/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\n')
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\nnode:x:1000:\n')
  // container.sh mounts Node there.
  writeFileSync(join(root, 'usr/local/bin/node'), '')
  const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
  const none = {
    from: '',
    folder: '/',
    user: 'root',
    stopSignal: '',
    entrypoint: [],
    command: [],
    health: [],
  }
  return { ...none, root, env: { PATH, HOME: '/home/node' } }
}

/** Each instruction that the example may use. */
async function apply(instruction: Instruction, image: Image, context: string): Promise<void> {
  const words = instruction.getArguments().map((each) => each.getValue())
  const [first = ''] = words
  const folder = join(image.root, image.folder)
  switch (instruction.getKeyword()) {
    case 'FROM':
      image.from = first
      return
    case 'ENV':
      for (const each of (instruction as Env).getProperties())
        image.env[each.getName()] = each.getValue() ?? ''
      return
    case 'WORKDIR':
      image.folder = first
      mkdirSync(join(image.root, first), { recursive: true })
      return
    case 'COPY':
      return copy(words.slice(0, -1), context, join(folder, words.at(-1) ?? ''))
    case 'RUN':
      await run('sh', ['-c', instruction.getArgumentsContent() ?? ''], { cwd: folder })
      return
    case 'USER':
      image.user = first
      return
    case 'STOPSIGNAL':
      image.stopSignal = first
      return
    case 'HEALTHCHECK':
      image.health = execForm(instruction)
      return
    case 'ENTRYPOINT':
      image.entrypoint = execForm(instruction)
      return
    case 'CMD':
      image.command = execForm(instruction)
      return
    case 'EXPOSE':
      return
    default:
      throw new Error(`this test does not know ${instruction.getInstruction()}`)
  }
}

function copy(names: readonly string[], context: string, to: string): void {
  const ignore = readFileSync(join(context, '.dockerignore'), 'utf8').trim().split('\n')
  for (const name of names) {
    if (ignore.includes('*') && !ignore.includes(`!${name}`))
      throw new Error(`.dockerignore excludes ${name}`)
    cpSync(join(context, name), join(to, name))
  }
}

/** Only the exec form starts the program itself. The shell form would start a shell as PID 1. */
function execForm(instruction: Instruction): string[] {
  const content = instruction.getArgumentsContent() ?? ''
  return JSON.parse(content.slice(content.indexOf('[')))
}
