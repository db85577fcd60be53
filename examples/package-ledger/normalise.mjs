const licences = [
  [/^agpl|affero/i, 'AGPL'],
  [/^lgpl|lesser general public|library general public/i, 'LGPL'],
  [/^gpl|^gnu general public|^general public/i, 'GPL'],
  [/^gfdl|free documentation/i, 'GFDL'],
  [/^(apache|asl)/i, 'Apache'],
  [/^(0bsd|bsd)/i, 'BSD'],
  [/^(mit|expat|x11)/i, 'MIT'],
  [/^isc/i, 'ISC'],
  [/^mpl|mozilla/i, 'MPL'],
  [/^artistic/i, 'Artistic'],
  [/^psf|^python/i, 'PSF'],
  [/^(public[- ]domain|unlicense|cc0)/i, 'public domain'],
  [/^zlib/i, 'zlib'],
  [/^blueoak/i, 'BlueOak'],
]

/** The family of a licence as Debian and npm write them: "GPL-2+", "(MIT OR Apache-2.0)", {type: "BSD-3-Clause"}. */
export function licenceFamily(licence) {
  const text = (typeof licence === 'string' ? licence : (licence?.type ?? '')).replace(/^[\s(]+/, '').trim()
  if (text === '') return 'not stated'
  return licences.find(([pattern]) => pattern.test(text))?.[1] ?? 'other'
}

/** One package as the ledger keeps it. Sections lose their archive area: "contrib/net" is "net". */
export function normalise(record) {
  const { kind, name, version } = record
  if (!kind || !name || !version) throw new TypeError('a package record names kind, name and version')
  return {
    id: `${kind}:${name}@${version}`,
    kind,
    section: (record.section ?? (kind === 'npm' ? 'javascript' : 'unknown')).split('/').at(-1),
    licence: licenceFamily(record.licence),
    bytes: Number.isSafeInteger(record.bytes) && record.bytes >= 0 ? record.bytes : 0,
  }
}
