// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Builds the program that people run: one folder, `build/<hash of its inputs>/`, that needs nothing
 * outside itself.
 *
 *     citynode.mjs         checks the Node version, then runs main() of app.mjs
 *     app.mjs              src/node/main.ts and everything it imports, bundled
 *     app.mjs.LEGAL.txt    the licence notices of what is in it
 *     node                 Node 24 (a hard link into node_modules where the file system can)
 *     better_sqlite3.node  SQLite
 *     compiled/            what V8 made of it; comes with the first run
 *     sql/ public/         the files of every room's folder of that name
 *     page/                the page for browsers, by tools/build-page.mjs
 *
 * Made under a temporary name and renamed when complete; same inputs, nothing done. Older builds are
 * removed, but never one that a process is running from. Plain JavaScript: also runs on Node 18.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { join, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { installedNodePath } from './ensure-installed.mjs'

const ENTRY = join('src', 'node', 'main.ts')
const PAGE = join('src', 'web', 'page', 'index.html')
const PAGE_TOOL = fileURLToPath(new URL('build-page.mjs', import.meta.url))
/** Folders of a room whose files go, merged, beside the bundle: `new URL('./sql/', import.meta.url)`. */
const ASSET_FOLDERS = ['sql', 'public']
/** Only macOS has it, and systeminformation looks for it behind a try. */
const EXTERNALS = ['osx-temperature-sensor']
/** A build that was asked for this recently may be about to be started: not removed. */
const PRUNE_AGE_MS_MIN = 10 * 60 * 1000
const HASH_LENGTH = 16
const BUILD_NAME = new RegExp(`^[0-9a-f]{${HASH_LENGTH}}$`)
const TEMPORARY_NAME = /^\.[0-9a-f]+\.(\d+)\.tmp$/

/** CommonJS dependencies expect these three; a bundle in ESM has to bring them along. */
const BUNDLE_BANNER = [
  "import { createRequire as __citynodeCreateRequire } from 'node:module'",
  "import { fileURLToPath as __citynodeFileOf } from 'node:url'",
  'const require = __citynodeCreateRequire(import.meta.url)',
  'const __filename = __citynodeFileOf(import.meta.url)',
  "const __dirname = __citynodeFileOf(new URL('.', import.meta.url))",
].join('\n')

/**
 * No static import and no new syntax: a Node that is too old must get as far as the message. The
 * native addon would take an older Node down without a word.
 */
const LAUNCHER = `// SPDX-License-Identifier: AGPL-3.0-or-later
// Built by tools/build.mjs.
if (Number(process.versions.node.split('.')[0]) < 24) {
  console.error('citynode needs Node 24 and this is Node ' + process.versions.node + '. ' +
    'The right one lies beside this file (./node), or run \`npm start\` in the clone.')
  process.exitCode = 7
} else {
  // What V8 made of the program in an earlier run: a start takes a fifth less time, and 7 MiB less
  // memory that is never given back. Where it cannot be written or read, everything is as without.
  var directory = process.getBuiltinModule('node:url').fileURLToPath(
    new URL('./compiled', import.meta.url))
  process.getBuiltinModule('node:module').enableCompileCache(directory)
  // Not caught: what main throws ends the process with its stack, as it would without this file.
  import('./app.mjs').then((program) => program.main())
}
`

export class BuildError extends Error {
  constructor(message) {
    super(message)
    this.name = 'BuildError'
  }
}

/**
 * @param {{root: string, say?: (line: string) => void}} options
 * @returns {Promise<{folder: string, outcome: 'unchanged' | 'built'}>}
 */
export async function ensureBuilt({ root, say = (line) => process.stderr.write(`${line}\n`) }) {
  const builds = join(root, 'build')
  const name = hashInputs(root)
  const folder = join(builds, name)
  if (existsSync(join(folder, 'citynode.mjs'))) {
    markUsed(folder)
    return { folder, outcome: 'unchanged' }
  }
  if (!existsSync(join(root, ENTRY))) {
    throw new BuildError(`There is no ${ENTRY} in ${root}: is this a complete clone of citynode?`)
  }
  say('Building…')
  const temporary = join(builds, `.${name}.${process.pid}.tmp`)
  rmSync(temporary, { recursive: true, force: true })
  mkdirSync(temporary, { recursive: true })
  try {
    // At the same time: the one waits for esbuild's process, the other for Vite's.
    await Promise.all([bundle(root, temporary), buildPage(root, join(temporary, 'page'))])
    placeRuntime(root, temporary)
    placeAssets(root, temporary)
    writeFileSync(join(temporary, 'citynode.mjs'), LAUNCHER)
    moveIntoPlace(temporary, folder)
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
  pruneBuilds(builds, name)
  return { folder, outcome: 'built' }
}

/** Whoever is about to start this build keeps it from being pruned in between. */
function markUsed(folder) {
  const now = new Date()
  try {
    utimesSync(folder, now, now)
  } catch {
    // Not our folder (a read-only or system install): then nobody prunes it either.
  }
}

/** Another process may have built the same in the meantime; then theirs is as good as ours. */
function moveIntoPlace(temporary, folder) {
  try {
    renameSync(temporary, folder)
  } catch (error) {
    if (existsSync(join(folder, 'citynode.mjs'))) return
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error
    // Half a build, from somebody who deleted by hand.
    rmSync(folder, { recursive: true, force: true })
    renameSync(temporary, folder)
  }
}

function hashInputs(root) {
  const hash = createHash('sha256')
  hash.update(`${process.arch}\0`)
  const files = filesBelow(join(root, 'src'))
  for (const name of ['package.json', 'package-lock.json']) files.push(join(root, name))
  files.push(fileURLToPath(import.meta.url), PAGE_TOOL)
  for (const file of files) {
    if (!existsSync(file)) continue
    hash.update(`${relative(root, file)}\0`)
    hash.update(createHash('sha256').update(readFileSync(file)).digest())
  }
  return hash.digest('hex').slice(0, HASH_LENGTH)
}

/** All files below a folder, in an order that does not depend on the disk. */
function filesBelow(folder) {
  if (!existsSync(folder)) return []
  const entries = readdirSync(folder, { withFileTypes: true })
  entries.sort((a, b) => (a.name < b.name ? -1 : 1))
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return filesBelow(path)
    return entry.isFile() ? [path] : []
  })
}

async function bundle(root, folder) {
  // From the clone's own modules, wherever this script is called from.
  const esbuild = createRequire(join(root, 'package.json'))('esbuild')
  try {
    await esbuild.build({
      absWorkingDir: root,
      entryPoints: [ENTRY],
      outfile: join(folder, 'app.mjs'),
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node24',
      minifySyntax: true,
      minifyWhitespace: true,
      // The source stays in memory as long as the program runs: a quarter less of it.
      minifyIdentifiers: true,
      keepNames: true,
      plugins: [onlyEnglish, plainDegrees],
      // Beside it: letters beyond ASCII in a notice would make V8 keep all of it in two bytes each.
      legalComments: 'external',
      external: EXTERNALS,
      banner: { js: BUNDLE_BANNER },
      logLevel: 'silent',
    })
  } catch (error) {
    throw new BuildError(`The program does not build:\n${describeErrors(esbuild, error)}`)
  }
}

/** In a process of its own, of the Node that came with the packages: Vite does not run on Node 18. */
async function buildPage(root, folder) {
  if (!existsSync(join(root, PAGE))) return
  const child = spawn(installedNodePath(root), [PAGE_TOOL, root, folder], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text) => {
    said += text
  })
  const code = await new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  if (code !== 0) throw new BuildError(`The page does not build:\n${said}`)
}

/** zod brings its messages in fifty languages along, for programs that choose one at run time. */
const onlyEnglish = {
  name: 'only-english',
  setup(build) {
    build.onLoad({ filter: /[\\/]zod[\\/]v4[\\/]locales[\\/]index\.js$/ }, () => ({
      contents: "export { default as en } from './en.js'",
      loader: 'js',
    }))
  },
}

/**
 * systeminformation has a degree sign in its patterns, which esbuild leaves as it is: one letter
 * beyond ASCII, and V8 keeps all of the program in two bytes a letter.
 */
const plainDegrees = {
  name: 'plain-degrees',
  setup(build) {
    build.onLoad({ filter: /[\\/]systeminformation[\\/]lib[\\/]\w+\.js$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replaceAll('\u00b0', '\\xb0'),
      loader: 'js',
    }))
  },
}

function describeErrors(esbuild, error) {
  if (!Array.isArray(error.errors)) return error.message
  return esbuild.formatMessagesSync(error.errors, { kind: 'error' }).join('')
}

function placeRuntime(root, folder) {
  const node = join(folder, 'node')
  try {
    linkSync(installedNodePath(root), node)
  } catch {
    // Another file system, or one without hard links: 120 MB more, otherwise the same.
    copyFileSync(installedNodePath(root), node)
    chmodSync(node, 0o755)
  }
  const prebuilds = join(root, 'node_modules', 'better-sqlite3', 'prebuilds')
  copyFileSync(join(prebuilds, `linux-${process.arch}.node`), join(folder, 'better_sqlite3.node'))
}

function placeAssets(root, folder) {
  const rooms = readdirSync(join(root, 'src'), { withFileTypes: true })
  for (const asset of ASSET_FOLDERS) {
    for (const room of rooms) {
      const from = join(root, 'src', room.name, asset)
      for (const file of filesBelow(from)) {
        const to = join(folder, asset, relative(from, file))
        if (existsSync(to)) {
          throw new BuildError(
            `Two rooms have a file ${relative(folder, to)}: name it after its room ` +
              `(${room.name}.…), because in the build they lie in one folder.`,
          )
        }
        mkdirSync(join(to, '..'), { recursive: true })
        copyFileSync(file, to)
      }
    }
  }
}

function pruneBuilds(builds, keep) {
  const used = runningPaths()
  for (const name of readdirSync(builds)) {
    const path = join(builds, name)
    const isOldBuild = BUILD_NAME.test(name) && name !== keep && ageMs(path) > PRUNE_AGE_MS_MIN
    const leftBy = TEMPORARY_NAME.exec(name)?.[1]
    const isLeftover = leftBy !== undefined && !existsSync(`/proc/${leftBy}`)
    if (isLeftover) rmSync(path, { recursive: true, force: true })
    if (isOldBuild && !used.some((file) => file.startsWith(path + sep))) {
      rmSync(path, { recursive: true, force: true })
    }
  }
}

function ageMs(path) {
  return Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now())
}

/** The program file and the arguments of every process: other users' show only the latter. */
function runningPaths() {
  const paths = []
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid)) continue
    try {
      paths.push(...readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0'))
      paths.push(readlinkSync(`/proc/${pid}/exe`))
    } catch {
      // It has ended, or is not ours to see.
    }
  }
  return paths
}

// Started by hand: `node tools/build.mjs [FOLDER]` prints where the build is.

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = resolve(process.argv[2] ?? fileURLToPath(new URL('..', import.meta.url)))
  ensureBuilt({ root }).then(
    ({ folder }) => console.log(folder),
    (error) => {
      console.error(error instanceof BuildError ? error.message : error)
      process.exitCode = 7
    },
  )
}
