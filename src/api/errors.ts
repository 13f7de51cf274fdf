// SPDX-License-Identifier: AGPL-3.0-or-later
/** Failures become HTTP answers here and nowhere else: one table, one shape (RFC 9457). */
import { CodedError } from '../base/base.ts'
import type { ProblemDetails } from '../contract/contract.ts'

const STATUS_TITLES: Readonly<Record<number, string>> = {
  400: 'Not understood',
  401: 'Not known as somebody who may',
  403: 'Not allowed',
  404: 'Not found',
  405: 'Method not allowed',
  408: 'Too slow',
  409: 'In conflict',
  410: 'Gone',
  413: 'Too large',
  415: 'Wrong content type',
  416: 'No such part',
  421: 'Not by that name',
  429: 'Too many',
  431: 'Headers too large',
  451: 'Refused for legal reasons',
  499: 'Called off',
  500: 'Something broke',
  502: 'A peer failed',
  503: 'Not now',
  504: 'Nobody has it now',
  507: 'No space left',
}

/** What the Guard says no to, unless the table says otherwise. */
const ACCESS_PREFIX = 'ACCESS_'

/** HTTP status of the codes that other rooms throw; every other code is a 500. */
const STATUS_BY_CODE: Readonly<Record<string, number>> = {
  ABORTED: 499,
  ACCESS_BAD_COMMAND: 400,
  ACCESS_BAD_HOLDER: 400,
  ACCESS_BYTES_ELSEWHERE: 400,
  ACCESS_ENDED: 400,
  ACCESS_GIVEN_DAMAGED: 500,
  ACCESS_GIVEN_FULL: 507,
  ACCESS_NOT_GIVEN: 404,
  ACCESS_NONCE_STALE: 401,
  ACCESS_PROOF_MISSING: 401,
  ACCESS_REFUSED_OFTEN: 429,
  ACCESS_REPLAY_MEMORY_FULL: 503,
  ACCESS_REVOCATIONS_FULL: 507,
  BAD_CID: 400,
  BAD_HOST: 400,
  BAD_PEER_ID: 400,
  BAD_REQUEST: 400,
  CONTENT_ARCHIVE_DAMAGED: 400,
  CONTENT_ARCHIVE_UNSUPPORTED: 400,
  CONTENT_BAD_CAR: 400,
  CONTENT_BAD_NAME: 400,
  CONTENT_BAD_RANGE: 416,
  CONTENT_BAD_TEXT: 400,
  CONTENT_BLOCK_MISSING: 409,
  CONTENT_BUSY: 503,
  CONTENT_CHANGED: 409,
  CONTENT_CID_UNSUPPORTED: 400,
  CONTENT_DAMAGED: 409,
  CONTENT_ENTRY_REPEATED: 400,
  CONTENT_FETCH_FAILED: 502,
  CONTENT_FOLDER_LIMIT: 413,
  CONTENT_GONE_HERE: 410,
  CONTENT_LIST_CHANGED: 409,
  CONTENT_NOT_A_FILE: 409,
  CONTENT_NOT_A_FOLDER: 409,
  CONTENT_NOT_FOUND: 404,
  CONTENT_NOT_HERE: 404,
  CONTENT_NOT_WHOLE: 409,
  CONTENT_NO_PEERS: 504,
  CONTENT_NO_SUCH_PATH: 404,
  CONTENT_PATH_REFUSED: 400,
  CONTENT_SYMLINK: 409,
  CONTENT_TOO_LARGE: 413,
  CONTENT_TOO_MANY_ITEMS: 413,
  CONTENT_UNSUPPORTED: 502,
  CROSS_SITE_REFUSED: 403,
  GATEWAY_NOT_RUNNING: 409,
  HOST_NOT_OURS: 421,
  FILE_CHANGED: 409,
  FILE_FORBIDDEN: 409,
  FILE_IS_NODES_OWN: 409,
  FILE_NOT_FOLDER: 404,
  FILE_NOT_FOUND: 404,
  FILE_NOT_SAME: 409,
  FILE_PATH_NOT_ABSOLUTE: 400,
  FILE_UNREADABLE: 409,
  LISTENERS_FULL: 503,
  LISTS_TOO_MANY: 429,
  METHOD_NOT_ALLOWED: 405,
  NODE_STOPPING: 503,
  NOT_ALLOWED: 403,
  NOT_FOUND: 404,
  CONTENT_REFUSED_HERE: 451,
  REFUSALS_BAD_REASON: 400,
  REFUSALS_EMPTY_CONTENT: 409,
  REFUSALS_FULL: 507,
  REFUSALS_NOT_BLOCKED: 404,
  REFUSALS_NOT_PUBLISHED: 409,
  REFUSALS_OTHER_PUBLISHER: 409,
  STORE_FULL: 507,
  STORE_READ_ONLY: 507,
  TRANSFER_NOT_FOUND: 404,
  TRANSFER_STOPPED: 499,
  TOKEN_NEEDED: 401,
  TOKEN_WRONG: 401,
  TOKEN_WRONG_OFTEN: 429,
}

export interface Problem {
  details: ProblemDetails
  /** True when nobody foresaw it: the log must have the whole error. */
  isOurs: boolean
}

/** Whatever a handler threw, as the answer that the caller gets. */
export function problemOf(thrown: unknown): Problem {
  if (thrown instanceof CodedError) {
    const status =
      STATUS_BY_CODE[thrown.code] ?? (thrown.code.startsWith(ACCESS_PREFIX) ? 403 : 500)
    return { details: details(status, thrown), isOurs: status === 500 }
  }
  const requestStatus = statusOfBadRequest(thrown)
  if (requestStatus !== undefined) {
    const error = new CodedError('BAD_REQUEST', 'The request could not be read.', {
      advice: 'See docs/API.md for what this address takes.',
    })
    return { details: details(requestStatus, error), isOurs: false }
  }
  if (thrown instanceof Error && thrown.name === 'AbortError') {
    const error = new CodedError('ABORTED', 'The operation was called off.')
    return { details: details(499, error), isOurs: false }
  }
  const error = new CodedError('INTERNAL', 'Something broke inside this node.', {
    advice: 'Its log says what; please report it.',
  })
  return { details: details(500, error), isOurs: true }
}

export function notFound(): CodedError {
  return new CodedError('NOT_FOUND', 'There is nothing at this address.', {
    advice: 'The status page is at /, its health at /health.',
  })
}

export function itemNotFound(): CodedError {
  return new CodedError('CONTENT_NOT_HERE', 'This node does not have that item.', {
    advice: 'Get it from the others with: citynode get <cid>',
  })
}

function details(status: number, error: CodedError): ProblemDetails {
  return {
    type: `urn:citynode:error:${error.code}`,
    title: STATUS_TITLES[status] ?? 'Not understood',
    status,
    code: error.code,
    detail: error.message,
    ...(error.advice === undefined ? {} : { advice: error.advice }),
  }
}

/** The status that the HTTP server gives to a request it cannot read (its errors carry one). */
function statusOfBadRequest(thrown: unknown): number | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('statusCode' in thrown)) return undefined
  const { statusCode } = thrown
  if (typeof statusCode !== 'number') return undefined
  return statusCode >= 400 && statusCode < 500 ? statusCode : undefined
}
