// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The configuration: one TOML file, one schema made of the rooms' sections. Keys are written the
 * same in the file, in the code and in what we say about them. Whatever is wrong is reported at
 * once, and then the file is refused whole: half a configuration is never used.
 */
import { readFile } from 'node:fs/promises'
import { parse, TomlError } from 'smol-toml'
import { z } from 'zod'
import { gatewayConfigSchema, statusConfigSchema } from '../api/api.ts'
import {
  errorCode,
  isCityId,
  isNodeName,
  LOG_LEVELS,
  NODE_NAME_LENGTH_MAX,
  type Problem,
  parseCityId,
} from '../base/base.ts'
import { contentConfigSchema } from '../content/content.ts'
import { networkConfigSchema } from '../net/net.ts'
import { describeIssues, valueAt } from './config-problems.ts'
import { CONFIG_FILE_BYTES_MAX } from './limits.ts'

const citySchema = z
  .strictObject({
    id: z
      .string()
      .refine(isCityId, 'should be 1-64 lower-case letters, digits, dots or dashes')
      .transform(parseCityId)
      .prefault('home')
      .meta({
        description: 'The city that this node belongs to. Nodes of different cities do not mix.',
        example: 'rotterdam.example',
      }),
  })
  .readonly()
  .prefault({})
  .meta({ description: 'Which city this is.' })

const nodeSchema = z
  .strictObject({
    name: z
      .string()
      .transform((text) => text.trim())
      .refine(
        isNodeName,
        `should be at most ${NODE_NAME_LENGTH_MAX} characters, all of them visible`,
      )
      .prefault('')
      .meta({
        description:
          'What people call this node; shown to its neighbours and on its page, and no proof of ' +
          'anything. Empty: it is known by its id alone.',
        example: 'Library roof',
      }),
  })
  .readonly()
  .prefault({})
  .meta({ description: 'This node.' })

const logSchema = z
  .strictObject({
    level: z.enum(LOG_LEVELS).default('info').meta({
      description: 'The least important kind of message that is written.',
    }),
    format: z.enum(['auto', 'json', 'text']).default('auto').meta({
      description:
        '`json`: a line each for programs. `text`: for people. `auto`: text on a terminal.',
    }),
  })
  .readonly()
  .prefault({})
  .meta({ description: 'What the node writes about itself.' })

export const configSchema = z
  .strictObject({
    city: citySchema,
    node: nodeSchema,
    network: networkConfigSchema,
    content: contentConfigSchema,
    status: statusConfigSchema,
    gateway: gatewayConfigSchema,
    log: logSchema,
  })
  .readonly()

/** Frozen through and through. */
export type Config = z.output<typeof configSchema>

export type ConfigResult = { config: Config } | { problems: readonly Problem[] }

/** The schema as data: what exists, of which type, within which limits, and what it is for. */
export function configJsonSchema(): z.core.JSONSchema.BaseSchema {
  return z.toJSONSchema(configSchema, { io: 'input' })
}

/** `isPresent`: whether there was a file at all. */
export type LoadedConfig = { config: Config; isPresent: boolean } | { problems: readonly Problem[] }

/**
 * @param options.isRequired whether the file was asked for by name. The file at the default place
 *   need not exist: then everything has its default.
 */
export async function loadConfig(
  path: string,
  options: { isRequired: boolean },
): Promise<LoadedConfig> {
  let bytes: Uint8Array
  try {
    bytes = await readFile(path)
  } catch (thrown) {
    const code = errorCode(thrown)
    if (code === 'ENOENT' && !options.isRequired) return { ...parseConfig(''), isPresent: false }
    return { problems: [unreadable(path, code)] }
  }
  if (bytes.length > CONFIG_FILE_BYTES_MAX) {
    return { problems: [{ path: '', message: `${path} is too large to be a configuration file.` }] }
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return { ...parseConfig(text), isPresent: true }
  } catch {
    return { problems: [{ path: '', message: `${path} is not a text file in UTF-8.` }] }
  }
}

/** Total: any text becomes a configuration or the list of what is wrong with it. */
export function parseConfig(text: string): ConfigResult {
  const document = parseToml(text)
  if ('problems' in document) return document
  const result = configSchema.safeParse(document.value)
  const problems = [
    ...(result.success
      ? []
      : describeIssues(result.error.issues, document.value, configJsonSchema())),
    ...findPortConflicts(document.value),
  ]
  return result.success && problems.length === 0
    ? { config: deepFreeze(result.data) }
    : { problems }
}

/** For people: a line each. */
export function formatProblems(problems: readonly Problem[]): string {
  return problems
    .map(({ path, message, suggestion }) => {
      const where = path === '' ? '' : `${path}: `
      return `${where}${message}${suggestion === undefined ? '' : ` ${suggestion}`}`
    })
    .join('\n')
}

/** zod's own `readonly` leaves defaults as they are. */
function deepFreeze<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) deepFreeze(inner)
    Object.freeze(value)
  }
  return value
}

function parseToml(text: string): { value: unknown } | { problems: readonly Problem[] } {
  try {
    return { value: parse(text) }
  } catch (thrown) {
    if (!(thrown instanceof TomlError)) throw thrown
    const reason = thrown.message.split('\n')[0]?.replace(/^Invalid TOML document: /, '')
    const message = `Line ${thrown.line}, column ${thrown.column} is not TOML: ${reason}.`
    return { problems: [{ path: '', message }] }
  }
}

/** Ports that must differ: each pair is of one transport, on the same machine. */
const PORT_GROUPS = [
  ['network.port', 'content.port', 'status.port', 'gateway.port'],
  ['network.beacon_port', 'network.hello_port'],
] as const

/** Looks at the document and not at the parsed result, so that other problems do not hide it. */
function findPortConflicts(document: unknown): Problem[] {
  const defaults: unknown = configSchema.parse({})
  return PORT_GROUPS.flatMap((paths) => {
    const takenBy = new Map<unknown, string>()
    return paths.flatMap((path): Problem[] => {
      const keys = path.split('.')
      const port = valueAt(document, keys) ?? valueAt(defaults, keys)
      if (typeof port !== 'number' || port === 0) return []
      const other = takenBy.get(port)
      takenBy.set(port, other ?? path)
      if (other === undefined) return []
      return [{ path, message: `is ${port}, which ${other} has already.`, suggestion: OTHER_PORT }]
    })
  })
}

const OTHER_PORT = 'Choose another port, or 0 for any free one.'

function unreadable(path: string, code: string | undefined): Problem {
  if (code === 'ENOENT') {
    const suggestion = 'Check the name, or leave --config out to use the defaults.'
    return { path: '', message: `There is no configuration file ${path}.`, suggestion }
  }
  if (code === 'EISDIR') return { path: '', message: `${path} is a folder, not a file.` }
  const suggestion = 'Is this user allowed to read it?'
  return { path: '', message: `Cannot read ${path} (${code ?? 'unknown error'}).`, suggestion }
}
