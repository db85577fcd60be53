/** What XML 1.0 cannot hold at all is written as a character reference, as S3 does; clients ask for URL encoding then. */
const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

export const escapeXml = (text: string): string =>
  text.replaceAll(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what has to be escaped.
    /[&<>"\u0000-\u001f\u007f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g,
    (c) => escapes[c] ?? `&#x${c.charCodeAt(0).toString(16)};`,
  )

type XmlText = string | number | boolean
export type XmlValue = XmlText | XmlMembers | readonly (XmlText | XmlMembers)[] | undefined
export interface XmlMembers {
  readonly [name: string]: XmlValue
}

/** Members in order; lists are flat, one element each; undefined is left out. */
function members(values: XmlMembers): string {
  return Object.entries(values)
    .flatMap(([name, value]) => {
      if (value === undefined) return []
      const list = Array.isArray(value) ? (value as readonly (XmlText | XmlMembers)[]) : [value as XmlText | XmlMembers]
      return list.map((one) => `<${name}>${typeof one === 'object' ? members(one) : escapeXml(String(one))}</${name}>`)
    })
    .join('')
}

export const xmlDocument = (root: string, values: XmlMembers, namespace?: string): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<${root}${namespace === undefined ? '' : ` xmlns="${namespace}"`}>${members(values)}</${root}>`
