// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The status page as browsers get it: the app where it was built, else the page that is drawn here
 * and needs no script, which is always at `/plain`.
 */
import { CodedError } from '../../base/base.ts'
import { endpoints, type PublicStatus } from '../../contract/contract.ts'
import { isKnown } from '../gateway/gateway.ts'
import { type HandlerInput, type HttpServer, RawAnswer } from '../http-server.ts'
import { encodingsIn } from './encodings.ts'
import { pageHeaders } from './headers.ts'
import type { PageFile, PageFiles } from './page-files.ts'

export { openPageFiles, type PageFiles } from './page-files.ts'

/** Its name changes with what is in it. */
const CACHE_ASSET = 'public, max-age=31536000, immutable'

/** It may be kept, and is asked about every time: it names the assets of this very build. */
const CACHE_INDEX = 'no-cache'

export interface PageDeps {
  /** Undefined: the app was not built. */
  files: PageFiles | undefined
  publicStatus(): PublicStatus
  renderStatusPage(status: PublicStatus): string
  /** Undefined while there is no gateway. */
  gatewayPort(): number | undefined
}

export function servePage(server: HttpServer, deps: PageDeps): void {
  const { files } = deps
  const plain = async (): Promise<RawAnswer> => {
    const status = endpoints.publicStatus.answer.parse(deps.publicStatus())
    return new RawAnswer('text/html; charset=utf-8', deps.renderStatusPage(status))
  }
  server.serve(endpoints.plainPage, plain)
  server.serve(endpoints.statusPage, async (input) => {
    return files === undefined ? plain() : indexAnswer(files, deps.gatewayPort(), input)
  })
  server.serve(endpoints.pageAsset, async ({ params, headers }) => {
    const wanted = encodingsIn(headers['accept-encoding'])
    const file = await files?.asset(params.file, wanted)
    if (file === undefined) throw noAsset()
    return new RawAnswer(file.type, file.bytes, {
      headers: { 'cache-control': CACHE_ASSET, ...encodingHeaders(file) },
    })
  })
}

async function indexAnswer(
  files: PageFiles,
  gatewayPort: number | undefined,
  { headers }: Pick<HandlerInput<typeof endpoints.statusPage>, 'headers'>,
): Promise<RawAnswer> {
  const file = await files.index(encodingsIn(headers['accept-encoding']))
  const all = {
    ...pageHeaders(headers.host ?? '', gatewayPort),
    ...encodingHeaders(file),
    'cache-control': CACHE_INDEX,
    etag: file.etag,
  }
  const isHere = isKnown(headers['if-none-match'], file.etag)
  // With the policy too: the port of the gateway may be another one than at the last time.
  return new RawAnswer(file.type, isHere ? '' : file.bytes, {
    status: isHere ? 304 : 200,
    headers: all,
  })
}

function encodingHeaders({ encoding }: PageFile): Record<string, string> {
  const vary = { vary: 'Accept-Encoding' }
  return encoding === 'identity' ? vary : { ...vary, 'content-encoding': encoding }
}

function noAsset(): CodedError {
  return new CodedError('NOT_FOUND', 'The page has no such part.', {
    advice: 'Reload the page: this node may have another version of it now.',
  })
}
