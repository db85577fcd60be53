import { type RawRequest, rawRequest } from './raw-request.ts'

export interface QueryAnswer {
  readonly status: number
  readonly text: string
  /** Code and message of a refusal; empty otherwise. */
  readonly code: string
  readonly message: string
  /** Text of the first element of a name, entities resolved. */
  element(name: string): string
  /** Texts of all elements of a name. */
  elements(name: string): readonly string[]
}

/** Sends a request of the query protocol, as the AWS CLI does. */
export async function sendQuery(
  endpoint: string,
  service: 'iam' | 'sts',
  action: string,
  parameters: Readonly<Record<string, string>> = {},
  more: Partial<RawRequest> = {},
): Promise<QueryAnswer> {
  const version = service === 'iam' ? '2010-05-08' : '2011-06-15'
  const { status, text } = await rawRequest(endpoint, {
    path: '/',
    service,
    headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
    body: new URLSearchParams({ Action: action, Version: version, ...parameters }).toString(),
    ...more,
  })
  const elements = (name: string): string[] =>
    [...text.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g'))].map(([, inner = '']) => unescapeXml(inner))
  const element = (name: string): string => elements(name)[0] ?? ''
  return { status, text, code: element('Code'), message: element('Message'), element, elements }
}

const unescapeXml = (text: string): string =>
  text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&amp;', '&')
