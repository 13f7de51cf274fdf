// SPDX-License-Identifier: AGPL-3.0-or-later
/** What becomes of items is told once it is so, with how it was before; and nothing else is. */
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { CodedError } from '../../src/base/base.ts'
import type { Item } from '../../src/content/content.ts'
import {
  bytesOf,
  Cleanup,
  FakeCity,
  inPieces,
  MEBIBYTE,
  never,
  startNode,
  type TestNode,
} from './content-support.ts'

let cleanup: Cleanup
let city: FakeCity

beforeEach(() => {
  cleanup = new Cleanup()
  city = new FakeCity()
})
afterEach(() => cleanup.run())

/** What is told of a node, each time as `before → after`. */
function listenTo({ content }: TestNode): string[] {
  const told: string[] = []
  const words = (item: Item | undefined): string =>
    item === undefined ? 'absent' : `${item.visibility} ${item.isWhole ? 'whole' : 'damaged'}`
  content.events.on(
    'itemChanged',
    ({ before, after }) => {
      told.push(`${words(before)} → ${words(after)}`)
      // Announced after it is true.
      const cid = (after ?? before)?.cid
      if (cid !== undefined) expect(words(content.get(cid))).toBe(words(after))
    },
    never,
  )
  return told
}

function add({ content }: TestNode, seed: number, visibility: 'private' | 'public' = 'private') {
  const source = inPieces(bytesOf(seed, 3 * MEBIBYTE))
  return content.add(source, { name: `item ${seed}`, visibility, signal: never })
}

it('tells what is added, changed, published, hidden and removed', async () => {
  const node = await startNode({ name: 'ada', city, cleanup })
  const told = listenTo(node)
  const { cid } = await add(node, 1)
  await node.content.update(cid, { title: 'A title' })
  await node.content.update(cid, { visibility: 'public' })
  await node.content.update(cid, { visibility: 'private' })
  await node.content.remove(cid)
  expect(told).toEqual([
    'absent → private whole',
    'private whole → private whole',
    'private whole → public whole',
    'public whole → private whole',
    'private whole → absent',
  ])
})

it('tells nothing of what was here already, fails, or was never here', async () => {
  const node = await startNode({ name: 'ada', city, cleanup })
  const { cid } = await add(node, 1)
  const told = listenTo(node)
  await add(node, 1)
  const calledOff = AbortSignal.abort(new CodedError('ABORTED', 'Enough.'))
  const source = inPieces(bytesOf(2, MEBIBYTE))
  await expect(
    node.content.add(source, { name: '', visibility: 'private', signal: calledOff }),
  ).rejects.toThrow()
  await node.content.remove(cid)
  await node.content.remove(cid)
  expect(told).toEqual(['private whole → absent'])
})

it('tells what is fetched when it is whole, and not while it arrives', async () => {
  const ada = await startNode({ name: 'ada', city, cleanup })
  const bea = await startNode({ name: 'bea', city, cleanup })
  const { cid } = await add(ada, 1, 'public')
  const told = listenTo(bea)
  await bea.content.fetch(cid, { visibility: 'private', signal: never })
  expect(told).toEqual(['absent → private whole'])
})

it('tells that an item is damaged, and is whole again', async () => {
  const node = await startNode({ name: 'ada', city, cleanup })
  const { cid } = await add(node, 1)
  const told = listenTo(node)
  const files = join(node.folder, 'content', 'files')
  await rm(files, { recursive: true })
  await mkdir(files)
  const read = async () => {
    for await (const piece of node.content.openBytes(cid)) expect(piece).toBeDefined()
  }
  await expect(read()).rejects.toThrow()
  expect(told).toEqual(['private whole → private damaged'])
  await add(node, 1)
  expect(told).toEqual(['private whole → private damaged', 'private damaged → private whole'])
})

it('tells nothing of what is merely found again at a start', async () => {
  const first = await startNode({ name: 'ada', city, cleanup })
  await add(first, 1)
  await first.stop()
  const again = await startNode({ name: 'ada', city, cleanup, folder: first.folder })
  const told = listenTo(again)
  await Promise.resolve()
  expect(again.content.list()).toHaveLength(1)
  expect(told).toEqual([])
})
