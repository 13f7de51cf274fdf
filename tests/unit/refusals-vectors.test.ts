// SPDX-License-Identifier: AGPL-3.0-or-later
/** The test list of IPIP-383 and what must, and must not, match it. */
import { readFile } from 'node:fs/promises'
import { base16 } from 'multiformats/bases/base16'
import { CID } from 'multiformats/cid'
import { beforeEach, describe, expect, it } from 'vitest'
import { silentLogger } from '../../src/base/base.ts'
import { machineDisk } from '../../src/content/blocks/blocks.ts'
import { DenyListTable } from '../../src/content/refusals/denylist-table.ts'
import { DenyLists } from '../../src/content/refusals/denylists.ts'
import { tidyPath } from '../../src/content/refusals/names.ts'
import { never, openRefusalsDatabase, readList, tempFolder } from './refusals-support.ts'

const FIXTURE = new URL('../fixtures/denylists/nopfs.deny', import.meta.url)

const BLOCKED = [
  // A rule for a CID holds for its multihash.
  '/ipfs/bafybeihvvulpp4evxj7x7armbqcyg6uezzuig6jp3lktpbovlqfkuqeuoq',
  '/ipfs/bafkreihvvulpp4evxj7x7armbqcyg6uezzuig6jp3lktpbovlqfkuqeuoq',
  '/ipfs/QmesfgDQ3q6prBy2Kg2gKbW4MAGuWiRP2DVuGA5MZSERLo',
  // All paths.
  '/ipfs/QmdWFA9FL52hx3j9EJZPQP1ZUH8Ygi5tLCX2cRDs6knSf8',
  '/ipfs/QmdWFA9FL52hx3j9EJZPQP1ZUH8Ygi5tLCX2cRDs6knSf8/a/b',
  '/ipfs/QmdWFA9FL52hx3j9EJZPQP1ZUH8Ygi5tLCX2cRDs6knSf8/z/',
  '/ipfs/QmdWFA9FL52hx3j9EJZPQP1ZUH8Ygi5tLCX2cRDs6knSf8/z',
  // Some paths, in both spellings.
  '/ipfs/Qmah2YDTfrox4watLCr3YgKyBwvjq8FJZEFdWY6WtJ3Xt2/test',
  '/ipfs/Qmah2YDTfrox4watLCr3YgKyBwvjq8FJZEFdWY6WtJ3Xt2/test2',
  '/ipfs/Qmah2YDTfrox4watLCr3YgKyBwvjq8FJZEFdWY6WtJ3Xt2/test/one',
  '/ipfs/QmTuvSQbEDR3sarFAN9kAeXBpiBCyYYNxdxciazBba11eC/test',
  '/ipfs/QmTuvSQbEDR3sarFAN9kAeXBpiBCyYYNxdxciazBba11eC/test2',
  '/ipfs/QmTuvSQbEDR3sarFAN9kAeXBpiBCyYYNxdxciazBba11eC/test/one',
  // Some paths with exceptions.
  '/ipfs/QmUboz9UsQBDeS6Tug1U8jgoFkgYxyYood9NDyVURAY9pK/blocked',
  '/ipfs/QmUboz9UsQBDeS6Tug1U8jgoFkgYxyYood9NDyVURAY9pK/blocked2',
  // Names.
  '/ipns/domain.example',
  '/ipns/domain-example',
  '/ipns/domain2.example/path',
  '/ipns/k51qzi5uqu5dhmzyv3zac033i7rl9hkgczxyl81lwoukda2htteop7d3x0y1mf',
  '/ipns/bafzaajaiaejcaotjfs57kieazxny5japcmy5p2pgv2cic77tu6ogghttvurnrufx',
  '/ipns/12D3KooWDkNqEJNmreF3NYYFK1ws7Ra2fuW6cHBTu567SPV3LdYA',
  // The older double hash.
  '/ipfs/bafybeiefwqslmf6zyyrxodaxx4vwqircuxpza5ri45ws3y5a62ypxti42e',
  '/ipfs/bafybeiefwqslmf6zyyrxodaxx4vwqircuxpza5ri45ws3y5a62ypxti42e/',
  '/ipfs/bafybeiefwqslmf6zyyrxodaxx4vwqircuxpza5ri45ws3y5a62ypxti42e/path',
  '/ipns/k51qzi5uqu5dixwsch9wpd9rolqby1m0uqj5hhxwtxal0dwltastfmh01dlniq',
  '/ipns/bafzaajaiaejca3vrvdzmu4qntwa2pn6apsd4ug5k63ckdyhnd3g6vdvgvujdw62s',
  '/ipns/very-bad-example.eth',
  '/ipns/very-bad-example.eth/',
  // The double hash of a multihash.
  '/ipfs/bafybeidjwik6im54nrpfg7osdvmx7zojl5oaxqel5cmsz46iuelwf5acja',
  '/ipfs/QmVTF1yEejXd9iMgoRTFDxBv7HAz9kuZcQNBzHrceuK9HR',
  // A path, and BLAKE3.
  '/ipfs/bafyb4ieqht3b2rssdmc7sjv2cy2gfdilxkfh7623nvndziyqnawkmo266a/path',
  '/ipfs/f01701e20903cf61d46521b05f926ba1634628d0bba8a7ffb5b6d5a3ca310682ca63b5ef0/path',
  // Names, double-hashed.
  '/ipns/my.domain.com',
  '/ipns/my.domain2.com/path',
  '/ipns/k51qzi5uqu5dixwsch9wpd9rolqby1m0uqj5hhxwtxal0dwltastfmh01dabcd',
  '/ipns/k51qzi5uqu5dixwsch9wpd9rolqby1m0uqj5hhxwtxal0dwltastfmh01d1234/mypath',
  '/ipns/bafzaajaiaejca3vrvdzmu4qntwa2pn6apsd4ug5k63ckdyhnd3g6vdvgvujczuoq/mypath',
]

const ALLOWED = [
  '/ipfs/Qmah2YDTfrox4watLCr3YgKyBwvjq8FJZEFdWY6WtJ3Xt2/tes',
  '/ipfs/Qmah2YDTfrox4watLCr3YgKyBwvjq8FJZEFdWY6WtJ3Xt2',
  '/ipfs/Qmah2YDTfrox4watLCr3YgKyBwvjq8FJZEFdWY6WtJ3Xt2/one/test',
  '/ipfs/QmTuvSQbEDR3sarFAN9kAeXBpiBCyYYNxdxciazBba11eC/tes',
  '/ipfs/QmTuvSQbEDR3sarFAN9kAeXBpiBCyYYNxdxciazBba11eC',
  '/ipfs/QmTuvSQbEDR3sarFAN9kAeXBpiBCyYYNxdxciazBba11eC/one/test',
  '/ipfs/QmUboz9UsQBDeS6Tug1U8jgoFkgYxyYood9NDyVURAY9pK/blockednot',
  '/ipfs/QmUboz9UsQBDeS6Tug1U8jgoFkgYxyYood9NDyVURAY9pK/blocked/not',
  '/ipfs/QmUboz9UsQBDeS6Tug1U8jgoFkgYxyYood9NDyVURAY9pK/blocked/exceptions',
  '/ipfs/QmUboz9UsQBDeS6Tug1U8jgoFkgYxyYood9NDyVURAY9pK/blocked/exceptions2',
  '/ipfs/QmUboz9UsQBDeS6Tug1U8jgoFkgYxyYood9NDyVURAY9pK/blocked/exceptions/one',
  '/ipns/domainaefa.example',
  '/ipns/domain.example/path',
  '/ipns/domain--example',
  '/ipns/domain2.example',
  '/ipns/domain2.example/path2',
  '/ipns/12D3KooWDkNqEJNmreF3NYYFK1ws7Ra2fuW6cHBTu567SPV3LdYA/path',
  '/ipfs/bafyb4ieqht3b2rssdmc7sjv2cy2gfdilxkfh7623nvndziyqnawkmo266a/',
  '/ipfs/f01701e20903cf61d46521b05f926ba1634628d0bba8a7ffb5b6d5a3ca310682ca63b5ef0/',
  '/ipfs/bafyb4ieqht3b2rssdmc7sjv2cy2gfdilxkfh7623nvndziyqnawkmo266a/path2',
  '/ipns/my.domain2.com/path2',
  '/ipns/k51qzi5uqu5dixwsch9wpd9rolqby1m0uqj5hhxwtxal0dwltastfmh01d1234/mypath2',
  // What has no content, though the list names it.
  '/ipfs/QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn',
  '/ipfs/bafyaabakaieac',
  '/ipfs/bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku',
  '/ipfs/bafkqaaa',
  '/ipfs/QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH',
  '/ipfs/bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua',
  '/ipfs/baguqeeraiqjw7i2vwntyuekgvulpp2det2kpwt6cd7tx5ayqybqpmhfk76fa',
]

/** The format lets each implementation choose here; we let a rule for a CID hold for its paths. */
const BLOCKED_BY_OUR_CHOICE = [
  '/ipfs/bafybeihvvulpp4evxj7x7armbqcyg6uezzuig6jp3lktpbovlqfkuqeuoq/sub2',
  '/ipfs/QmesfgDQ3q6prBy2Kg2gKbW4MAGuWiRP2DVuGA5MZSERLo/sub4',
  '/ipfs/bafybeiefwqslmf6zyyrxodaxx4vwqircuxpza5ri45ws3y5a62ypxti42e/path2',
]

describe('the test list of IPIP-383', () => {
  let lists: DenyLists

  beforeEach(async () => {
    const folder = await tempFolder()
    lists = new DenyLists(
      {
        table: new DenyListTable(await openRefusalsDatabase()),
        disk: machineDisk,
        log: silentLogger,
      },
      {
        folder: `${folder}/lists`,
        paths: [FIXTURE.pathname],
        scratchPath: `${folder}/scratch`,
      },
    )
    await lists.look(never)
  })

  function isRefused(address: string): boolean {
    const [, namespace, name = '', ...path] = address.split('/')
    const below = tidyPath(path.join('/'))
    if (namespace === 'ipns') return lists.matchName(name, below) !== undefined
    const cid = name.startsWith('f') ? CID.parse(name, base16) : CID.parse(name)
    return lists.match(cid, below) !== undefined
  }

  it('refuses and lets through what it says', () => {
    expect(BLOCKED.filter((address) => !isRefused(address))).toEqual([])
    expect(ALLOWED.filter(isRefused)).toEqual([])
    expect(BLOCKED_BY_OUR_CHOICE.filter((address) => !isRefused(address))).toEqual([])
  })

  it('is read without a problem', async () => {
    const { problems, fault, name, rules } = readList(await readFile(FIXTURE))
    expect({ problems, fault, name }).toEqual({
      problems: [],
      fault: undefined,
      name: 'Testing denylist',
    })
    expect(rules.length).toBe(28)
    expect(lists.facts()).toMatchObject([{ rulesCount: 28, problemsCount: 0, fault: undefined }])
  })
})
