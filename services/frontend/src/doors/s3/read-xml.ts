import { err, ok, type Result } from '@weft/contracts'
import { XMLParser, XMLValidator } from 'fast-xml-parser'
import { type S3Error, s3Error } from './errors.ts'

export type XmlRecord = Readonly<Record<string, unknown>>

/** Elements that may come more than once. */
const lists = [
  'CloudFunctionConfiguration',
  'QueueConfiguration',
  'TopicConfiguration',
  'Event',
  'FilterRule',
  'Part',
  'Object',
]

const parser = new XMLParser({
  ...{ ignoreAttributes: true, parseTagValue: false, trimValues: true, processEntities: true },
  isArray: (name) => lists.includes(name),
})

export const malformedXml = (message?: string): Result<never, S3Error> => err(s3Error('MalformedXML', message))

/** The content of a body's root element. Texts are kept as they are; what declares entities is refused. */
export function readXml(body: Buffer, root: string): Result<XmlRecord, S3Error> {
  const text = body.toString('utf8')
  if (text.includes('<!') || XMLValidator.validate(text) !== true) return malformedXml()
  let document: XmlRecord
  try {
    document = parser.parse(text) as XmlRecord
  } catch {
    // Well-formed, and deeper than anybody needs.
    return malformedXml()
  }
  return Object.hasOwn(document, root) ? ok(xmlRecord(document[root])) : malformedXml(`${root} is missing.`)
}

export const xmlList = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
export const xmlRecord = (value: unknown): XmlRecord =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as XmlRecord) : {}
