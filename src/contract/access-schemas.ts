// SPDX-License-Identifier: AGPL-3.0-or-later
/** Who may do what here: permissions that were given, and what signed requests begin with. */
import { z } from 'zod'

/** What a signed request needs of the node. */
export const nonceSchema = z.object({
  nonce: z.string().describe('base64url; to be signed along. It counts for five minutes or more'),
  node: z.string().describe('did:key of this node: who is asked, and whose things it is about'),
  endsAt: z.int().describe('seconds since 1970, by this node: when a request of now should end'),
})
export type NonceFacts = z.infer<typeof nonceSchema>

/** Longest names of people and devices, in characters. */
const GRANT_NAME_CHARACTERS_MAX = 64
const TOKEN_CHARACTERS_MAX = 16_384

export const grantSchema = z.object({
  cid: z.string().describe('what the permission is taken back by'),
  holder: z.string().describe('did:key of who holds it'),
  name: z.string().describe('as its giver calls the holder; may be empty'),
  command: z.string().describe('what it lets do, and all below'),
  words: z.string().describe('the same in words, after "may"'),
  bytesMax: z.int().nullable().describe('bytes of one request at most; `null`: no such bound'),
  givenAt: z.string().describe('ISO 8601, by the clock of this machine'),
  endsAt: z.string().nullable().describe('ISO 8601; `null`: it has no end'),
  state: z
    .enum(['holds', 'ended', 'revoked'])
    .describe(
      'ended: for certain; while nobody knows the time, one that has ended may say `holds`',
    ),
})
export type GrantFacts = z.infer<typeof grantSchema>

export const grantsSchema = z.object({ grants: z.array(grantSchema) })

export const giveRequestSchema = z.object({
  holder: z.string().max(128).describe('did:key of who shall hold it'),
  command: z.string().max(128).describe('as in the table of commands: `/content/add`'),
  name: z.string().max(GRANT_NAME_CHARACTERS_MAX).default(''),
  endsAt: z.int().nonnegative().nullable().describe('seconds since 1970; `null`: for ever'),
  bytesMax: z.int().nonnegative().nullable().default(null),
})
export type GiveRequest = z.input<typeof giveRequestSchema>

export const givenSchema = z.object({
  grant: grantSchema,
  note: z.string().nullable().describe('what its giver should know of its end; mostly nothing'),
  token: z
    .string()
    .max(TOKEN_CHARACTERS_MAX)
    .describe('base64url: the permission itself, to be passed on'),
})
export type GivenFacts = z.infer<typeof givenSchema>

export const grantParamsSchema = z.object({ cid: z.string().max(128) })
