// SPDX-License-Identifier: AGPL-3.0-or-later
/** A node's content room in a process that will be killed. See content-store.test.ts. */
import { writeSync } from 'node:fs'
import { parseCid } from '../../src/base/base.ts'
import { encodeHaveReply } from '../../src/content/fetching/have.ts'
import {
  bytesOf,
  Cleanup,
  FakeCity,
  inPieces,
  MEBIBYTE,
  never,
  peerIdOf,
  startNode,
} from './content-support.ts'

const ITEMS_MAX = 100

/** Not buffered: what was said was said. */
function say(line: string): void {
  writeSync(1, `${line}\n`)
}

const [command, folder = '', port = '', cidText = ''] = process.argv.slice(2)
const city = new FakeCity()
const node = await startNode({ name: 'child', city, cleanup: new Cleanup(), folder })
if (command === 'add') {
  for (let index = 0; index < ITEMS_MAX; index++) {
    const { cid } = await node.content.add(inPieces(bytesOf(index, 4 * MEBIBYTE)), {
      name: `${index}.bin`,
      visibility: 'private',
      signal: never,
      onProgress: (received) => say(`adding ${index} ${received}`),
    })
    say(`added ${cid}`)
  }
} else {
  const peerId = peerIdOf('parent')
  city.serves(peerId, Number(port))
  city.answers(peerId, () =>
    Promise.resolve(encodeHaveReply([{ name: '', sizeBytes: 1, title: '', kind: '' }])),
  )
  const { cid } = await node.content.fetch(parseCid(cidText), {
    visibility: 'private',
    signal: never,
    onProgress: (received) => say(`received ${received}`),
  })
  say(`fetched ${cid}`)
}
