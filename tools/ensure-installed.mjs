// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The one guarded install behind start, test, demo and bench: runs `npm ci` when, and only when,
 * what is in node_modules is not what the lockfile asks for. Plain JavaScript without dependencies,
 * because it runs before anything is installed, on whatever Node the machine has.
 *
 * - A stamp inside node_modules says what was installed. Equal stamp: nothing is done.
 * - A lock file holds the processes at work. Whoever comes second waits, then finds the work done.
 *   A lock whose processes are all dead is taken over.
 * - A running node lives in build/<hash>/ alone, so that replacing node_modules does not disturb it.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { delimiter, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** How often a waiting second caller looks again. */
const POLL_INTERVAL_MS = 200
/** Longer than any honest install, even of a Pi Zero over a slow line. */
const WAIT_MS_MAX = 30 * 60 * 1000
/** The takeover mark is held for microseconds; one this old was left by a crash. */
const TAKEOVER_AGE_MS_MAX = 10 * 1000
/** npm's own last words, enough to see why it failed. */
const NPM_LINES_SHOWN = 12

/** A foreseen failure; the message is for people and complete. */
export class InstallError extends Error {
  constructor(message) {
    super(message)
    this.name = 'InstallError'
  }
}

/** The Node 24 that the lockfile installs, or undefined where there is none for this machine. */
export function installedNodePath(root) {
  return join(root, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node')
}

/**
 * Makes node_modules what the lockfile says.
 * @param {{root: string, env?: Record<string, string | undefined>, say?: (line: string) => void}} options
 * @returns {Promise<'unchanged' | 'adopted' | 'installed'>}
 */
export async function ensureInstalled({ root, env = process.env, say = sayOnStderr }) {
  refuseOtherMachines()
  const wanted = wantedStamp(root)
  if (readStamp(root) === wanted && existsSync(installedNodePath(root))) return 'unchanged'
  const release = await acquireLock(root, say)
  try {
    if (readStamp(root) === wanted && existsSync(installedNodePath(root))) return 'unchanged'
    if (isInstalledByHand(root)) {
      writeStamp(root, wanted)
      return 'adopted'
    }
    say(
      existsSync(join(root, 'node_modules'))
        ? 'The lockfile has changed: installing (about half a minute)…'
        : 'First start: installing (about half a minute)…',
    )
    rmSync(stampPath(root), { force: true })
    await runNpm(root, env, (npmPid) => release.alsoHeldBy(npmPid))
    if (!existsSync(installedNodePath(root))) {
      throw new InstallError(
        `npm finished, but Node 24 for ${process.arch} is not in node_modules. ` +
          'Was npm told to leave out optional packages (omit=optional)? Allow them and try again.',
      )
    }
    writeStamp(root, wanted)
    return 'installed'
  } finally {
    release()
  }
}

function refuseOtherMachines() {
  if (process.platform === 'linux' && ['x64', 'arm64'].includes(process.arch)) return
  throw new InstallError(
    `citynode runs on 64-bit Linux (x64 or arm64); this is ${process.platform} on ${process.arch}. ` +
      'On a Raspberry Pi 3 or later, use the 64-bit Raspberry Pi OS.',
  )
}

function sayOnStderr(line) {
  process.stderr.write(`${line}\n`)
}

// The stamp

function stampPath(root) {
  return join(root, 'node_modules', '.citynode-installed')
}

/** Everything that decides what npm would install, in one hash. Scripts and the like do not. */
function wantedStamp(root) {
  const hash = createHash('sha256')
  const lock = readOrExplain(join(root, 'package-lock.json'))
  const manifest = JSON.parse(readOrExplain(join(root, 'package.json')))
  const decisive = ['dependencies', 'devDependencies', 'optionalDependencies', 'overrides']
  hash.update(lock)
  hash.update(JSON.stringify(decisive.map((field) => manifest[field])))
  hash.update(`${process.platform} ${process.arch}`)
  return hash.digest('hex')
}

function readOrExplain(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new InstallError(
      `Cannot read ${path} (${error.code}). Is this a complete clone of citynode?`,
    )
  }
}

function readStamp(root) {
  try {
    return readFileSync(stampPath(root), 'utf8').trim()
  } catch {
    // No stamp is the ordinary state of a fresh clone.
    return undefined
  }
}

function writeStamp(root, stamp) {
  const temporary = `${stampPath(root)}.${process.pid}`
  writeFileSync(temporary, `${stamp}\n`)
  renameSync(temporary, stampPath(root))
}

/**
 * Whether somebody's own `npm ci` has already made node_modules what the lockfile says. npm writes
 * its own record last, so a record means that it got to the end.
 */
function isInstalledByHand(root) {
  if (!existsSync(installedNodePath(root))) return false
  let wanted
  let present
  try {
    wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages
    present = JSON.parse(
      readFileSync(join(root, 'node_modules/.package-lock.json'), 'utf8'),
    ).packages
  } catch {
    // No record or no JSON: npm has not been here, or not to the end. Installing is always right.
    return false
  }
  if (typeof wanted !== 'object' || typeof present !== 'object') return false
  const extra = Object.keys(present).some((path) => !(path in wanted))
  if (extra) return false
  return Object.entries(wanted).every(([path, pack]) => {
    if (path === '') return true
    const have = present[path]
    if (have === undefined) return pack.optional === true
    return have.version === pack.version && have.integrity === pack.integrity
  })
}

// npm

function runNpm(root, env, onStart) {
  const args = ['ci', '--no-audit', '--no-fund', '--include=dev', '--include=optional']
  // No package of ours needs its install script, and npm before 11 does not know `allowScripts`.
  args.push('--ignore-scripts')
  return new Promise((done, fail) => {
    const npm = spawn('npm', args, {
      cwd: root,
      env: { ...env, PATH: pathWithoutModules(root, env.PATH) },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    const collect = (chunk) => {
      output = (output + chunk).slice(-64 * 1024)
    }
    npm.stdout.on('data', collect)
    npm.stderr.on('data', collect)
    npm.on('error', (error) => {
      const missing = error.code === 'ENOENT'
      fail(
        new InstallError(
          missing
            ? 'npm is not installed (or not on PATH). Install Node 20 or later with npm, then try again.'
            : `npm could not be started: ${error.message}`,
        ),
      )
    })
    npm.on('close', (code, signal) => {
      if (code === 0) done()
      else fail(new InstallError(explainNpm(output, code ?? signal)))
    })
    if (npm.pid !== undefined) onStart(npm.pid)
  })
}

/** npm is about to delete node_modules: it must not run on a Node that lies in there. */
function pathWithoutModules(root, path = '/usr/local/bin:/usr/bin:/bin') {
  const inside = join(root, 'node_modules')
  return path
    .split(delimiter)
    .filter((folder) => !resolve(folder).startsWith(inside))
    .join(delimiter)
}

const NPM_TROUBLES = [
  [
    /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET/,
    'npm cannot reach its package registry. The first start needs the internet once, to install; ' +
      'after that citynode starts without. Check the connection, then try again.',
  ],
  [/ENOSPC/, 'The disk is full: installing needs about 500 MB. Free some space, then try again.'],
  [
    /EACCES|EPERM|EROFS/,
    'npm may not write here. Start citynode as the user who owns this folder.',
  ],
  [
    /EUSAGE|in sync/,
    'package.json and package-lock.json disagree. Run `npm install` once and commit the lockfile.',
  ],
  [
    /EINTEGRITY/,
    'A package that npm received is not the one that the lockfile names. ' +
      'Do not go on before you know why; `npm cache verify` mends a damaged cache.',
  ],
]

function explainNpm(output, how) {
  const known = NPM_TROUBLES.find(([pattern]) => pattern.test(output))
  const advice = known?.[1] ?? 'Mend what it complains about, then try again.'
  const words = output.trim().split('\n').slice(-NPM_LINES_SHOWN).join('\n  ')
  return `Installing failed (npm ended with ${how}). ${advice}\nnpm said:\n  ${words || '(nothing)'}`
}

// The lock

function lockPath(root) {
  return join(root, 'build', 'install.lock')
}

/** @returns {Promise<(() => void) & {alsoHeldBy: (pid: number) => void}>} */
async function acquireLock(root, say) {
  const path = lockPath(root)
  const own = `${path}.${process.pid}.tmp`
  mkdirSync(dirname(path), { recursive: true })
  const deadlineMs = Date.now() + WAIT_MS_MAX
  let hasSpoken = false
  for (;;) {
    if (tryLock(path, own)) break
    const holders = readHolders(path)
    if (holders !== undefined && !holders.some(isAlive)) {
      removeStaleLock(path)
      continue
    }
    if (Date.now() > deadlineMs) {
      throw new InstallError(`Another install has been at work for too long (see ${path}).`)
    }
    if (!hasSpoken) say('Another citynode command is installing: waiting for it…')
    hasSpoken = true
    await new Promise((wake) => setTimeout(wake, POLL_INTERVAL_MS))
  }
  const release = () => rmSync(path, { force: true })
  release.alsoHeldBy = (pid) => {
    writeFileSync(own, JSON.stringify([identityOf(process.pid), identityOf(pid)]))
    renameSync(own, path)
  }
  return release
}

/** A link is made in one step and with its content, so nobody ever sees half a lock. */
function tryLock(path, own) {
  writeFileSync(own, JSON.stringify([identityOf(process.pid)]))
  try {
    linkSync(own, path)
    return true
  } catch (error) {
    if (error.code === 'EEXIST') return false
    throw new InstallError(`Cannot make the lock ${path}: ${error.message}`)
  } finally {
    rmSync(own, { force: true })
  }
}

/** Removes a lock of dead processes; never a live one, because only one caller at a time may look. */
function removeStaleLock(path) {
  const mark = `${path}.takeover`
  try {
    mkdirSync(mark)
  } catch {
    // Somebody else is at it, or died at it.
    const ageMs = Date.now() - (statSync(mark, { throwIfNoEntry: false })?.mtimeMs ?? Date.now())
    if (ageMs > TAKEOVER_AGE_MS_MAX) rmSync(mark, { recursive: true, force: true })
    return
  }
  try {
    const holders = readHolders(path)
    if (holders !== undefined && !holders.some(isAlive)) rmSync(path, { force: true })
  } finally {
    rmSync(mark, { recursive: true, force: true })
  }
}

/** Undefined when there is no lock (any more); no holders when what is in it makes no sense. */
function readHolders(path) {
  try {
    const holders = JSON.parse(readFileSync(path, 'utf8'))
    return Array.isArray(holders) ? holders : []
  } catch (error) {
    return error.code === 'ENOENT' ? undefined : []
  }
}

/** A process id alone may be given to another process; with its start time it is unique. */
function identityOf(pid) {
  return { pid, startedAt: startTimeOf(pid) }
}

function startTimeOf(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in parentheses may hold anything; the fields are counted from behind it.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    // A zombie has ended; only its parent has not asked how.
    return fields[0] === 'Z' ? undefined : fields[19]
  } catch {
    // The process is gone.
    return undefined
  }
}

function isAlive(holder) {
  const startedAt = startTimeOf(holder?.pid)
  return startedAt !== undefined && startedAt === holder.startedAt
}

// Started by hand: `node tools/ensure-installed.mjs [FOLDER]`

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = process.argv[2] ?? fileURLToPath(new URL('..', import.meta.url))
  ensureInstalled({ root: resolve(root) }).then(
    (outcome) => console.log(outcome),
    (error) => {
      console.error(error instanceof InstallError ? error.message : error)
      process.exitCode = 7
    },
  )
}
