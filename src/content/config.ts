// SPDX-License-Identifier: AGPL-3.0-or-later
/** The `[content]` section of the configuration. */
import { z } from 'zod'
import { listenAddressSchema, portSchema } from '../net/net.ts'

const MEBIBYTE = 1024 * 1024

export const contentConfigSchema = z
  .strictObject({
    port: portSchema(7441, 'TCP port from which other nodes fetch items (HTTPS).'),
    address: listenAddressSchema('Address from which other nodes fetch items.'),
    store_bytes_max: z
      .int()
      .min(0)
      .default(0)
      .meta({
        description:
          'How much the node may store. 0 means as much as the disk has, less `free_bytes_min`. With less ' +
          'than 64 MiB an addition may be refused although something that was fetched could go.',
        unit: 'bytes',
        example: 500_000_000_000,
      }),
    free_bytes_min: z
      .int()
      .min(0)
      .default(512 * MEBIBYTE)
      .meta({
        description: 'How much of the disk stays free: what would go below it is refused.',
        unit: 'bytes',
      }),
    scrub_days: z
      .int()
      .min(0)
      .max(3650)
      .default(30)
      .meta({
        description:
          'In how many days everything in the store is read once and compared with its hashes, so that ' +
          'bit rot is found while others still have what was lost. 0 means never.',
        unit: 'days',
      }),
    denylists: z
      .array(z.string().startsWith('/'))
      .readonly()
      .default([])
      .meta({
        description:
          'Deny lists to follow besides those in `content/denylists` of the data folder: files in ' +
          'the compact format of IPIP-383. None is followed by default.',
        example: ['/etc/citynode/own.deny'],
      }),
  })
  .readonly()
  .prefault({})
  .meta({ description: 'What this node keeps and serves.' })

export type ContentConfig = z.output<typeof contentConfigSchema>
