// SPDX-License-Identifier: AGPL-3.0-or-later
/** Letting a browser look at something private, through the gateway. */
import { CodedError, parseCid } from '../base/base.ts'
import { endpoints, type View } from '../contract/contract.ts'
import { itemNotFound } from './errors.ts'
import type { Opened, Views } from './gateway/gateway.ts'
import type { HttpServer } from './http-server.ts'
import { namesOf } from './item-reading.ts'

/** What freedesktop.org's shared MIME database calls a folder. */
const FOLDER_KIND = 'inode/directory'

export interface ViewDeps {
  views: Views
  /** Undefined while there is no gateway. */
  gatewayPort(): number | undefined
}

export function serveViews(server: HttpServer, { views, gatewayPort }: ViewDeps): void {
  server.serve(endpoints.openView, async ({ body, address, signal }): Promise<View> => {
    const port = gatewayPort()
    if (port === undefined) throw noGateway()
    const place = { cid: parseCid(body.cid), path: namesOf(body.path) }
    const opened = viewable(await views.library.open(place.cid, place.path, signal))
    const { path, idleMs } = views.open(place, address)
    const isFolder = opened.what === 'folder'
    return {
      port,
      path: isFolder ? `${path}/` : path,
      shape: opened.what,
      kind: isFolder ? FOLDER_KIND : opened.mediaType,
      expiresInSeconds: idleMs / 1000,
    }
  })
}

function viewable(opened: Opened): Extract<Opened, { what: 'file' | 'folder' }> {
  switch (opened.what) {
    case 'file':
    case 'folder':
      return opened
    case 'symlink':
      throw new CodedError('CONTENT_SYMLINK', 'There is a symbolic link on this path.', {
        advice: 'Open the folder that it is in, and follow it there.',
      })
    case 'unreadable':
      throw new CodedError('CONTENT_DAMAGED', opened.text, {
        advice: 'Fetch the item again: only what is missing is transferred.',
      })
    case 'absent':
    case 'refused':
      throw itemNotFound()
  }
}

function noGateway(): CodedError {
  return new CodedError('GATEWAY_NOT_RUNNING', 'This node has no gateway for people.', {
    advice: 'Set gateway.enabled in the configuration file, and start the node again.',
  })
}
