// SPDX-License-Identifier: AGPL-3.0-or-later
/** Folders as their user moves them: real trees, three real nodes, one of which goes away midway. */
import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { type Daemon, until } from '../support/daemon.ts'
import { citynode } from '../support/program.ts'
import { closeAll, makeFolder, startNode } from './node-support.ts'

afterEach(closeAll)

/** Files by path; a symbolic link as its target. */
type Tree = Record<string, Buffer>

async function makeTree(files: Tree): Promise<string> {
  const tree = join(await makeFolder(), 'a tree')
  for (const [path, bytes] of Object.entries(files)) {
    await mkdir(join(tree, path, '..'), { recursive: true })
    await writeFile(join(tree, path), bytes)
  }
  await symlink('few/0', join(tree, 'link'))
  return tree
}

async function readTree(tree: string): Promise<Tree> {
  const entries = await readdir(tree, { recursive: true, withFileTypes: true })
  const files: Tree = {}
  for (const entry of entries) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    files[path.slice(tree.length + 1)] = await readFile(path)
  }
  return files
}

async function run(daemon: Daemon, ...argv: readonly string[]): Promise<string> {
  const ran = await citynode(...argv, '--data', daemon.dataFolder)
  expect(ran.code, ran.stderr).toBe(0)
  return ran.stdout.toString().trim()
}

test('a folder goes over whole, in part by path, and on from another holder', async () => {
  const files: Tree = {}
  for (let index = 0; index < 300; index++) files[`few/${index}`] = randomBytes(index)
  for (let index = 0; index < 20; index++) files[`large/${index}`] = randomBytes(1_500_000)
  const first = await startNode()
  const second = await startNode([first])
  const third = await startNode([first, second])
  const cid = await run(first, 'add', await makeTree(files), '--public')

  const part = await run(
    third,
    'get',
    `${cid}/few/7`,
    '-o',
    join(await makeFolder(), 'part'),
    '--json',
  )
  expect(JSON.parse(part)).toMatchObject({ place: { shape: 'file', sizeBytes: 7 } })
  expect(await run(third, 'ls')).not.toContain('a tree')

  const target = join(await makeFolder(), 'copy')
  await run(second, 'get', cid, '--public', '-o', target)
  expect(await readTree(target)).toEqual(files)
  expect(await readFile(join(target, 'link'))).toEqual(files['few/0'])

  const fetching = citynode('get', cid, '--explain', '-o', `${target}3`, '--data', third.dataFolder)
  await until('bytes arrive', 20_000, async () => {
    const names = await readdir(join(third.dataFolder, 'content', 'files')).catch(() => [])
    return names.length > 0
  })
  await first.kill('SIGKILL')
  const fetched = await fetching
  expect(fetched.code, fetched.stderr).toBe(0)
  expect(fetched.stderr).toContain('said yes after')
  expect(await readTree(`${target}3`)).toEqual(files)
}, 120_000)
