// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * `capability`: who may do what on a node. The owner gives, lists and revokes; whoever was given
 * something shows it, takes it, and uses it with `--node` and `--as`.
 */
import type { Command } from 'commander'
import { CodedError, errorCode, formatBytes } from '../base/base.ts'
import type { GrantFacts } from '../contract/contract.ts'
import { parseSize } from './car-parts.ts'
import type { CommandContext, PermissionFacts, RequestSigner } from './context.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { readSmallFile } from './files.ts'
import { PERMISSION_BYTES_MAX } from './limits.ts'
import { formatTable, plain } from './output.ts'

type Run = (make: (context: CommandContext) => Promise<ExitCode>) => Promise<void>

/** Words for what can be given; whoever knows the commands can write those: `/content/add`. */
const MAY: Readonly<Record<string, string>> = {
  look: '/node/read',
  watch: '/node/watch',
  list: '/content/list',
  read: '/content/read',
  store: '/content/add',
  fetch: '/content/fetch',
  change: '/content/change',
  publish: '/content/publish',
  remove: '/content/remove',
  content: '/content',
  refuse: '/refusal',
  everything: '/',
}

export function addCapabilityCommands(program: Command, run: Run): void {
  const capability = program
    .command('capability')
    .description('who may do what on this node (docs/CLI.md)')
  addGivingCommands(capability, run)
  addHoldingCommands(capability, run)
}

/** What the owner does. */
function addGivingCommands(capability: Command, run: Run): void {
  capability
    .command('give')
    .description('let somebody do something: prints the permission, for you to pass on')
    .requiredOption('--to <did>', 'whose key: they find it by capability key')
    .requiredOption('--may <what>', `one of ${Object.keys(MAY).join(', ')}; or /content/add`)
    .option('--until <date>', 'the last day, in UTC: 2027-03-01')
    .option('--forever', 'without an end: until you revoke it', false)
    .option('--bytes <size>', 'so much in one request at most: 20GB')
    .option('--name <name>', 'whom or what you give it to, for your list', '')
    .action((options: GiveOptions) => run((context) => giveCommand(context, options)))
  capability
    .command('list')
    .description('who holds what of this node, in words')
    .action(() => run(listCommand))
  capability
    .command('revoke <cid>')
    .description('take back what was given, for good, and all that was passed on of it')
    .action((cid: string) => run((context) => revokeCommand(context, cid)))
}

/** What others do. */
function addHoldingCommands(capability: Command, run: Run): void {
  capability
    .command('show <permission>')
    .description('what a permission says, in a file or as text')
    .action((text: string) => run((context) => showCommand(context, text)))
  capability
    .command('key')
    .description('the name of the key that --as names, for whoever gives you something')
    .action(() => run(keyCommand))
  capability
    .command('take <permission>')
    .description('keep a permission beside the key that --as names')
    .action((text: string) => run((context) => takeCommand(context, text)))
  capability
    .command('held')
    .description('what the key holds that --as names')
    .action(() => run(heldCommand))
}

interface GiveOptions {
  to: string
  may: string
  until?: string
  forever: boolean
  bytes?: string
  name: string
}

async function giveCommand(context: CommandContext, options: GiveOptions): Promise<ExitCode> {
  const { client, io, output } = context
  const { grant, note, token } = await client.give(
    {
      holder: options.to,
      command: commandOf(options.may),
      name: options.name,
      endsAt: endOf(options),
      bytesMax: options.bytes === undefined ? null : parseSize(options.bytes),
    },
    io.signal,
  )
  output.note(`${whoOf(grant)} may ${plain(grant.words)}${conditionsOf(grant)}.`)
  if (note !== null) output.note(plain(note, note.length))
  output.note('Pass on the line below. It is no secret: it is worth something to that key alone.')
  output.note('They take it with: citynode --as FILE capability take …')
  await output.result({ grant, note, token }, token)
  return EXIT.ok
}

async function listCommand({ client, io, output }: CommandContext): Promise<ExitCode> {
  const grants = await client.grants(io.signal)
  if (grants.length === 0) output.note('Nothing was given: only you may do anything here.')
  const rows = grants.map((grant) => [
    whoOf(grant),
    `may ${plain(grant.words)}${conditionsOf(grant)}`,
    STATES[grant.state],
    grant.cid,
  ])
  const table = formatTable(['WHO', 'WHAT', 'STATE', 'REVOKED BY'], rows)
  await output.result({ grants }, grants.length === 0 ? '' : table)
  return EXIT.ok
}

const STATES: Readonly<Record<GrantFacts['state'], string>> = {
  holds: 'holds',
  ended: 'has ended',
  revoked: 'revoked',
}

async function revokeCommand(
  { client, io, output }: CommandContext,
  cid: string,
): Promise<ExitCode> {
  const grant = await client.takeBack(cid, io.signal)
  output.note(`${whoOf(grant)} may no longer ${plain(grant.words)}, nor may anybody by them.`)
  await output.result({ grant }, grant.cid)
  return EXIT.ok
}

async function showCommand(context: CommandContext, text: string): Promise<ExitCode> {
  const links = await context.injected.readPermission(await permissionIn(context, text))
  await context.output.result({ links }, links.map(linkWords).join('\n'))
  return EXIT.ok
}

async function keyCommand(context: CommandContext): Promise<ExitCode> {
  const { did } = await signerOf(context)
  await context.output.result({ did }, did)
  return EXIT.ok
}

async function takeCommand(context: CommandContext, text: string): Promise<ExitCode> {
  const signer = await signerOf(context)
  const links = await signer.take(await permissionIn(context, text))
  context.output.note('Taken. Use it with: citynode --node URL --as FILE …')
  await context.output.result({ links }, links.map(linkWords).join('\n'))
  return EXIT.ok
}

async function heldCommand(context: CommandContext): Promise<ExitCode> {
  const held = await (await signerOf(context)).held()
  if (held.length === 0) context.output.note('This key was given nothing yet.')
  await context.output.result({ held }, held.map((one) => one.map(linkWords).join('\n')).join('\n'))
  return EXIT.ok
}

async function signerOf({ injected, keyFile, output }: CommandContext): Promise<RequestSigner> {
  if (keyFile === undefined) {
    throw new CodedError('USAGE', 'It is not said which key.', {
      advice: 'Name a file: citynode --as FILE capability … It is made at its first use.',
    })
  }
  const signer = await injected.openSigner(keyFile)
  if (signer.isNew) output.note(`Made a new key in ${keyFile}: whoever has the file is you.`)
  return signer
}

/** What is in the file of that name, or the text itself where there is none. */
async function permissionIn({ io }: CommandContext, text: string): Promise<string> {
  try {
    return (await readSmallFile(text, PERMISSION_BYTES_MAX, io.signal)).toString('utf8').trim()
  } catch (thrown) {
    const code = errorCode(thrown)
    const isNoFile = code === 'FILE_NOT_FOUND' || code === 'ENAMETOOLONG'
    if (isNoFile) return text.trim()
    throw thrown
  }
}

function commandOf(may: string): string {
  if (may.startsWith('/')) return may
  const command = Object.hasOwn(MAY, may) ? MAY[may] : undefined
  if (command !== undefined) return command
  throw new CodedError('USAGE', `“${plain(may)}” is nothing that can be given.`, {
    advice: `It is one of: ${Object.keys(MAY).join(', ')}.`,
  })
}

/** Seconds since 1970; `null`: for ever. Exactly one of both is said. */
function endOf({ until, forever }: GiveOptions): number | null {
  if ((until === undefined) !== forever) {
    throw new CodedError('USAGE', 'Say how long: either --until DATE or --forever.', {
      advice: 'Like this: --until 2027-03-01',
    })
  }
  if (until === undefined) return null
  const lastMs = /^\d{4}-\d{2}-\d{2}$/.test(until) ? Date.parse(`${until}T23:59:59Z`) : Number.NaN
  // Some days that there are not are taken for those after them.
  const isDay = Number.isFinite(lastMs) && new Date(lastMs).toISOString().startsWith(until)
  if (isDay) return lastMs / 1000
  throw new CodedError('USAGE', `“${plain(until)}” is no day.`, {
    advice: 'A day is written like 2027-03-01.',
  })
}

function whoOf({ name, holder }: GrantFacts): string {
  return name === '' ? holder : `${plain(name)} (…${holder.slice(-8)})`
}

function conditionsOf({ bytesMax, endsAt }: GrantFacts): string {
  const size = bytesMax === null ? '' : `, ${formatBytes(bytesMax)} at a time at most`
  return `${size}, ${endsAt === null ? 'for ever' : `until ${dayOf(endsAt)}`}`
}

function linkWords(link: PermissionFacts): string {
  const { cid, giver, holder, words, conditionsCount, begins, ends } = link
  const from = begins === null ? '' : `, from ${timeOf(begins)}`
  const until = ends === null ? ', for ever' : `, until ${timeOf(ends)}`
  const conditions = conditionsCount === 0 ? '' : `, under ${conditionsCount} condition(s)`
  return `${giver} lets ${holder} ${plain(words)}${conditions}${from}${until} (${cid})`
}

/** The last moment that a date can be, in seconds. */
const DATE_SECONDS_MAX = 8.64e12

function timeOf(seconds: number): string {
  return dayOf(new Date(Math.min(seconds, DATE_SECONDS_MAX) * 1000).toISOString())
}

function dayOf(iso: string): string {
  return `${iso.slice(0, 16).replace('T', ' ')} UTC`
}
