// SPDX-License-Identifier: AGPL-3.0-or-later
/** What .ci/run makes of vitest's report. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const TOOL = fileURLToPath(new URL('../../tools/count-tests.mjs', import.meta.url))

interface FileResult {
  name: string
  status: string
  message?: string
  assertionResults: { status: string; fullName: string }[]
}

function count(...testResults: FileResult[]): { out: string; err: string; status: number | null } {
  const folder = mkdtempSync(join(tmpdir(), 'citynode-count-'))
  try {
    const report = join(folder, 'report.json')
    writeFileSync(report, JSON.stringify({ testResults }))
    const { stdout, stderr, status } = spawnSync(process.execPath, [TOOL, report])
    return { out: stdout.toString().trim(), err: stderr.toString(), status }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function file(kind: string, ...statuses: string[]): FileResult {
  const assertionResults = statuses.map((status, i) => ({ status, fullName: `test ${i}` }))
  const status = statuses.includes('failed') ? 'failed' : 'passed'
  return { name: `/clone/tests/${kind}/a.test.ts`, status, assertionResults }
}

describe('counting the tests', () => {
  it('adds up', () => {
    expect(count(file('unit', 'passed', 'passed', 'failed'), file('e2e', 'skipped')).out).toBe(
      '2 1 1',
    )
  })

  it('a namespace test that was skipped has failed', () => {
    const { out, err } = count(file('netns', 'passed', 'skipped', 'pending'))
    expect(out).toBe('1 2 0')
    expect(err).toContain('skipped, but must run here: test 1')
  })

  it('a file that could not be loaded has failed', () => {
    expect(count({ ...file('unit'), status: 'failed', message: 'no such import' }).out).toBe(
      '0 1 0',
    )
  })

  it('no report is no count', () => {
    expect(spawnSync(process.execPath, [TOOL, '/nowhere/report.json']).status).not.toBe(0)
  })
})
