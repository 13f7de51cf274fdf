// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Items that try all that a page can do to the one who opens it: by script, and without. What they
 * achieve they say on the console, never over the network; and at `outside`, which counts visits.
 */

/** What the pages go for. */
export interface Targets {
  /** The LAN listener of the node. */
  status: string
  /** The path of another item on the page's own origin. */
  neighbour: string
  /** Somebody else's server. */
  outside: string
}

/** What the PDF's dialog says when its script has tried all. */
export const PAPER_TRIED = 'tried'

/** What the console lines of a script that runs begin with. */
export const REPORT = 'report: '

/** Long enough for a browser not to load it whole at once. */
export const SOUND_LENGTH_S = 60

/** What the script says of each thing that it tried: what it got, or why not. */
export type Report = Record<string, { got?: string; failed?: string }>

function attackScript({ status, neighbour, outside }: Targets): string {
  return `
const attempts = {
  origin: () => self.origin,
  status: () => fetch('${status}/v1/status').then((answer) => answer.text()),
  health: () => fetch('${status}/health').then((answer) => answer.text()),
  statusBlind: () => fetch('${status}/v1/status', { mode: 'no-cors' }).then((one) => one.type),
  neighbour: () => fetch('${neighbour}').then((answer) => answer.text()),
  frame: () => new Promise((resolve, reject) => {
    const frame = document.createElementNS('http://www.w3.org/1999/xhtml', 'iframe')
    frame.onload = () => {
      try { resolve(frame.contentDocument.documentElement.textContent) } catch (error) { reject(error) }
    }
    frame.src = '${neighbour}'
    document.documentElement.append(frame)
  }),
  worker: () => navigator.serviceWorker.register('worker.js').then((one) => one.scope),
  cookie: () => { document.cookie = 'left=cookie'; return document.cookie },
  localStorage: () => { localStorage.left = 'local'; return localStorage.left },
  sessionStorage: () => { sessionStorage.left = 'session'; return sessionStorage.left },
  database: () => new Promise((resolve, reject) => {
    const opening = indexedDB.open('left')
    opening.onsuccess = () => resolve(opening.result.name)
    opening.onerror = () => reject(opening.error)
  }),
  popup: () => window.open('${outside}/script-popup') && 'opened',
  form: () => {
    const form = document.createElementNS('http://www.w3.org/1999/xhtml', 'form')
    form.action = '${outside}/script-form'
    form.target = '_blank'
    document.documentElement.append(form)
    form.submit()
    return 'sent'
  },
  outside: () => fetch('${outside}/script-fetch', { mode: 'no-cors' }).then((one) => one.type),
  textScript: () => new Promise((resolve, reject) => {
    const script = document.createElementNS('http://www.w3.org/1999/xhtml', 'script')
    script.onload = () => resolve(self.textRan)
    script.onerror = () => reject(new Error('refused'))
    script.src = 'code.txt'
    document.documentElement.append(script)
  }),
}
const report = {}
const run = async () => {
for (const [name, attempt] of Object.entries(attempts)) {
  try {
    const late = new Promise((_, reject) => setTimeout(() => reject(new Error('late')), 5000))
    report[name] = { got: String(await Promise.race([attempt(), late])) }
  } catch (error) {
    report[name] = { failed: String(error) }
  }
}
document.title = 'taken over'
console.log('${REPORT}' + JSON.stringify(report))
top.location.href = '${outside}/script-top'
}
void run()
`
}

/** Tries all by markup alone; what needs a click has an id. */
function passivePage({ outside, neighbour }: Targets): string {
  return `<!doctype html><meta charset="utf-8"><title>untouched</title>
<base href="${outside}/base/">
<link rel="stylesheet" href="${outside}/style"><link rel="prefetch" href="${outside}/prefetch">
<link rel="preload" as="image" href="${outside}/preload"><link rel="icon" href="${outside}/icon">
<link rel="dns-prefetch" href="${outside}"><link rel="preconnect" href="${outside}">
<link rel="manifest" href="${outside}/manifest"><link rel="modulepreload" href="${outside}/module">
<script src="${outside}/script"></script>
<script type="speculationrules">{"prefetch":[{"urls":["${outside}/speculation"],"eagerness":"immediate"}]}</script>
<style>@import "${outside}/import"; @font-face{font-family:f;src:url(${outside}/font)}
body{font-family:f;background:url(${outside}/background)}</style>
<body onload="document.title='taken over'">words
<img src="${outside}/image" onerror="document.title='taken over'"><img src="relative">
<iframe src="${neighbour}"></iframe>
<iframe srcdoc="&lt;script&gt;top.document.title='taken over'&lt;/script&gt;"></iframe>
<object data="${outside}/object"></object><embed src="${outside}/embed">
<audio src="${outside}/audio" preload="auto"></audio><video poster="${outside}/poster"></video>
<svg width="9" height="9"><image href="${outside}/svg-image" width="9" height="9"/></svg>
<a id="javascript" href="javascript:void(document.title='taken over')">one</a>
<a id="popup" target="_blank" rel="opener" href="${outside}/popup">two</a>
<form action="${outside}/form" target="_blank"><button id="form">three</button></form>`
}

/**
 * A page that is one link. As soon as it is looked at it opens an address, and runs JavaScript that
 * tries all other ways out, then says in a dialog that it has.
 */
function paper({ outside }: Targets): string {
  const script = [
    `this.submitForm("${outside}/pdf-submit")`,
    `this.submitForm({ cURL: "${outside}/pdf-submit-html", cSubmitAs: "HTML" })`,
    `app.launchURL("${outside}/pdf-launch", false)`,
    `app.launchURL("${outside}/pdf-launch-new", true)`,
    `this.getURL("${outside}/pdf-get")`,
  ].map((attempt) => `try { ${attempt} } catch (error) {}`)
  script.push(`app.alert("${PAPER_TRIED}")`)
  const literal = script.join(';').replace(/[()\\]/g, '\\$&')
  const objects = [
    '<</Type/Catalog/Pages 2 0 R/OpenAction 4 0 R/AcroForm<</Fields[]>>>>',
    '<</Type/Pages/Kids[3 0 R]/Count 1>>',
    '<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 600]/Annots[6 0 R]>>',
    `<</S/URI/URI(${outside}/pdf-address)/Next 5 0 R>>`,
    `<</S/JavaScript/JS(${literal})>>`,
    `<</Type/Annot/Subtype/Link/Rect[0 0 600 600]/A<</S/URI/URI(${outside}/pdf-link)>>>>`,
  ]
  let text = '%PDF-1.7\n'
  const starts = objects.map((object, index) => {
    const start = text.length
    text += `${index + 1} 0 obj${object}endobj\n`
    return `${String(start).padStart(10, '0')} 00000 n \n`
  })
  const size = objects.length + 1
  const table = `xref\n0 ${size}\n0000000000 65535 f \n${starts.join('')}`
  return `${text}${table}trailer<</Size ${size}/Root 1 0 R>>\nstartxref\n${text.length}\n%%EOF\n`
}

/** By the name in the folder that they make up together. */
export function hostileFiles(targets: Targets): Record<string, string | Buffer> {
  const script = attackScript(targets)
  return {
    'active.html': `<!doctype html><meta charset="utf-8"><title>untouched</title>
<p>words</p><script>${script}</script>`,
    'active.svg': `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><title>untouched</title>
<script><![CDATA[${script}]]></script><rect width="9" height="9"/></svg>`,
    'active.xhtml': `<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head>
<title>untouched</title></head><body><script><![CDATA[${script}]]></script></body></html>`,
    'passive.html': passivePage(targets),
    'framing.html': `<!doctype html><title>untouched</title>
<iframe src="${targets.outside}/iframe"></iframe>`,
    'frameset.html': `<!doctype html><title>untouched</title>
<frameset><frame src="${targets.outside}/frame"></frameset>`,
    'refresh.html': `<!doctype html><title>untouched</title>
<meta http-equiv="refresh" content="0;url=${targets.outside}/refresh"><p>words</p>`,
    'paper.pdf': paper(targets),
    'code.txt': `self.textRan = 'text ran'`,
    'worker.js': `self.onfetch = () => {}`,
    'sound.wav': silence(SOUND_LENGTH_S),
  }
}

function silence(lengthS: number): Buffer {
  const bytesPerS = 48_000 * 2
  const sound = Buffer.alloc(44 + lengthS * bytesPerS)
  sound.write('RIFF', 0)
  sound.writeUInt32LE(sound.length - 8, 4)
  sound.write('WAVEfmt ', 8)
  sound.writeUInt32LE(16, 16)
  // PCM, one channel, 48 kHz, 16 bits.
  sound.writeUInt16LE(1, 20)
  sound.writeUInt16LE(1, 22)
  sound.writeUInt32LE(48_000, 24)
  sound.writeUInt32LE(bytesPerS, 28)
  sound.writeUInt16LE(2, 32)
  sound.writeUInt16LE(16, 34)
  sound.write('data', 36)
  sound.writeUInt32LE(sound.length - 44, 40)
  return sound
}
