// SPDX-License-Identifier: AGPL-3.0-or-later
/** The pages of the gateway: complete, without script, and unmoved by what strangers call things. */
import { describe, expect, it } from 'vitest'
import { type FolderPage, GATEWAY_PROBLEMS } from '../../src/contract/contract.ts'
import { createGatewayPages, english } from '../../src/web/web.ts'

const pages = createGatewayPages()
const HOSTILE = `"><script>alert(1)</script>\u202E'\``

const FOLDER: FolderPage = {
  name: 'songs',
  cid: 'bafybeihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku',
  trail: [{ name: 'songs', href: '/ipfs/x/' }],
  entries: [{ name: 'fado.mp3', href: '/ipfs/x/fado.mp3', kind: 'file', sizeBytes: 2048 }],
  paging: { previous: undefined, next: undefined },
  isCut: false,
}

function expectTame(page: string): void {
  expect(page).not.toMatch(/<script|\son\w+=|javascript:|https?:|\u202e/i)
  expect(page.startsWith('<!doctype html>')).toBe(true)
  expect(page).toContain('<html lang="en">')
}

describe('the pages of the gateway', () => {
  it('are tame whatever things are called', () => {
    const entries = (['file', 'folder', 'symlink', 'unknown'] as const).map((kind) => ({
      name: HOSTILE,
      href: '/ipfs/x',
      kind,
      sizeBytes: undefined,
    }))
    const trail = [HOSTILE, HOSTILE].map((name) => ({ name, href: '/ipfs/x/' }))
    expectTame(pages.folder({ ...FOLDER, name: HOSTILE, cid: HOSTILE, entries, trail }))
    const item = { href: '/ipfs/x', title: HOSTILE, kind: HOSTILE, sizeBytes: 1 }
    expectTame(pages.home({ items: [item], itemsCount: 1, paging: FOLDER.paging }))
    expectTame(pages.problem({ code: 'not-given', status: 451, detail: HOSTILE }).html)
  })

  it('say what to do about every problem, to people and to programs', () => {
    for (const code of GATEWAY_PROBLEMS) {
      const { html, text } = pages.problem({ code, status: 404 })
      const { title, advice } = english.gateway.problems[code]
      expect(text).toContain(title)
      expect(text).toContain(advice)
      expect(html).toContain(`<h1>${title}</h1>`)
    }
  })

  it('give a file a link to open and one to save, each with a name', () => {
    const page = pages.folder(FOLDER)
    expect(page).toContain('<a class="row" href="/ipfs/x/fado.mp3">')
    expect(page).toContain('href="/ipfs/x/fado.mp3?download=true" aria-label="Save fado.mp3"')
    expect(page).toContain('2 KiB')
    expect(page).toContain(FOLDER.cid)
  })

  it('say where one is, below the root only, and shorten what nobody reads', () => {
    expect(pages.folder(FOLDER)).not.toContain('<nav')
    const trail = [
      { name: FOLDER.cid, href: '/ipfs/x/' },
      { name: '2026', href: '/ipfs/x/2026/' },
    ]
    const page = pages.folder({ ...FOLDER, trail })
    expect(page).toContain('<a href="/ipfs/x/"><bdi>bafybeihdw…quvyku</bdi></a>')
    expect(page).toContain('<li aria-current="page"><bdi>2026</bdi></li>')
  })

  it('shorten long names but keep their ending', () => {
    const name = `${'long '.repeat(60)}end.mp3`
    const page = pages.folder({ ...FOLDER, name, entries: [] })
    expect(page).not.toContain(name)
    expect(page).toContain('end.mp3')
    expect(page).toContain(english.gateway.emptyFolder)
  })

  it('lead on and back where there is more', () => {
    const page = pages.folder({ ...FOLDER, paging: { previous: '?page=1', next: '?page=3' } })
    expect(page).toContain('<a rel="prev" href="?page=1">')
    expect(page).toContain('<a rel="next" href="?page=3">')
    expect(pages.folder({ ...FOLDER, isCut: true })).toContain(english.gateway.cut)
  })

  it('use words that people have for kinds', () => {
    const kinds = ['video/mp4', 'application/pdf', 'inode/directory', 'application/x-zim']
    const items = kinds.map((kind) => ({ href: '/', title: 'x', kind, sizeBytes: 1 }))
    const page = pages.home({ items, itemsCount: 4, paging: FOLDER.paging })
    for (const word of ['Film', 'PDF', 'Folder', 'application/x-zim']) expect(page).toContain(word)
  })
})
