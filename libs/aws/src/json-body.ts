import { type AwsError, awsError, err, ok, type Result } from '@weft/contracts'

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** UTF-8 text of the bytes; undefined when they are not UTF-8. A byte order mark is kept, so that JSON refuses it. */
export function utf8Text(bytes: Uint8Array): string | undefined {
  try {
    return strictUtf8.decode(bytes)
  } catch {
    return undefined
  }
}

/**
 * The JSON object that carries the members of a request. An empty body is an empty object. Of duplicate keys the last
 * counts; `__proto__` is a key like any other.
 */
export function parseJsonObject(body: Uint8Array): Result<Readonly<Record<string, unknown>>, AwsError> {
  if (body.byteLength === 0) return ok({})
  const text = utf8Text(body)
  if (text === undefined) return err(awsError('SerializationException', 'The request body is not UTF-8.'))
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return err(awsError('SerializationException', 'The request body is not a JSON document.'))
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return err(awsError('SerializationException', 'The request body must be a JSON object.'))
  return ok(value as Record<string, unknown>)
}
