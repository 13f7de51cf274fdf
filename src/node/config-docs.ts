// SPDX-License-Identifier: AGPL-3.0-or-later
/** docs/CONFIG.md, written from the schema. */

import { stringify } from 'smol-toml'
import type { z } from 'zod'
import { configJsonSchema } from './config.ts'
import { asSchema } from './config-problems.ts'

type JsonSchema = z.core.JSONSchema.BaseSchema

export function renderConfigDocs(): string {
  const sections = Object.entries(configJsonSchema().properties ?? {})
  return `${[INTRODUCTION, ...sections.map(([name, node]) => renderSection(name, node))].join('\n\n')}\n`
}

const INTRODUCTION = `# Configuration

<!-- Written by \`npm run docs\` from the schema in src/: edit the descriptions there. -->

A node needs no configuration. What differs from the defaults goes into one
[TOML](https://toml.io) file: \`citynode.toml\` in the data folder, or the one named with
\`--config FILE\`. A file that has anything wrong is refused whole, with everything that is wrong
listed; \`citynode config check\` does the same without starting a node. Changes take effect at the
next start. Units are part of the names.`

function renderSection(name: string, node: unknown, isList = false): string {
  const schema = asSchema(node) ?? {}
  const fields = Object.entries(schema.properties ?? {})
  const isNested = (field: unknown): boolean => memberSchema(field)?.properties !== undefined
  const plain = fields.filter(([, field]) => !isNested(field))
  const nested = fields.filter(([, field]) => isNested(field))
  const heading = isList ? `[[${name}]]` : `[${name}]`
  return [
    `${'#'.repeat(name.split('.').length + 1)} \`${heading}\``,
    schema.description ?? '',
    renderTable(plain),
    renderExample(heading, plain),
    ...nested.map(([key, field]) => renderNested(`${name}.${key}`, field)),
  ].join('\n\n')
}

function renderNested(name: string, field: unknown): string {
  const schema = asSchema(field)
  if (schema?.type !== 'array') return renderSection(name, field)
  const description = `${schema.description ?? ''} One such block each; none by default.`
  return renderSection(name, { ...memberSchema(field), description }, true)
}

/** The schema of a section, or that of each entry of a list of sections. */
function memberSchema(field: unknown): JsonSchema | undefined {
  const schema = asSchema(field)
  return schema?.type === 'array' ? asSchema(schema.items) : schema
}

function renderTable(fields: readonly [string, unknown][]): string {
  const rows = fields.map(([key, field]) => {
    const schema = asSchema(field) ?? {}
    const fallback =
      schema.default === undefined ? 'must be given' : `\`${toToml(schema.default)}\``
    const unit = schema['unit'] === undefined ? '' : String(schema['unit'])
    const description = (schema.description ?? '').replaceAll('|', '\\|')
    return `| \`${key}\` | ${describeType(schema)} | ${fallback} | ${unit} | ${description} |`
  })
  return ['| key | type | default | unit | what it is |', '|---|---|---|---|---|', ...rows].join(
    '\n',
  )
}

function describeType(schema: JsonSchema): string {
  if (schema.enum !== undefined) return schema.enum.map((word) => `\`"${word}"\``).join(', ')
  if (schema.type === 'boolean') return '`true` or `false`'
  if (schema.type === 'array') return 'list of text'
  if (schema.type === 'string') return 'text'
  const { minimum, maximum } = schema
  const isOpen = maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER
  return isOpen ? `whole number, ${minimum} or more` : `whole number, ${minimum} to ${maximum}`
}

function renderExample(heading: string, fields: readonly [string, unknown][]): string {
  const lines = fields.map(([key, field]) => {
    const schema = asSchema(field) ?? {}
    return `${key} = ${toToml(schema['example'] ?? schema.default)}`
  })
  return ['```toml', heading, ...lines, '```'].join('\n')
}

function toToml(value: unknown): string {
  return stringify({ value })
    .replace(/^value = /, '')
    .trim()
}
