// SPDX-License-Identifier: AGPL-3.0-or-later
/** What the app may show, by the name that the node goes by. */
import { expect, it } from 'vitest'
import { pageHeaders } from '../../src/api/page/headers.ts'

it.each([
  ['10.0.0.7:7480', 'http://10.0.0.7:9'],
  ['pi', 'http://pi:9'],
  // A policy cannot write an IPv6 address, and nothing of a header becomes a policy unseen.
  ['[fe80::1]:7480', 'http://*:9'],
  ['[::1]', 'http://*:9'],
  ["evil; script-src 'unsafe-inline'", 'http://*:9'],
  ['', 'http://*:9'],
])('of %s pictures come from %s', (host, source) => {
  const policy = pageHeaders(host, 9)['content-security-policy'] ?? ''
  expect(policy).toContain(`img-src 'self' data: ${source};`)
  expect(policy).not.toContain('unsafe-inline')
})
