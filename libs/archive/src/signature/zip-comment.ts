const endSignature = Buffer.from('PK\x05\x06', 'latin1')
const endBytes = 22
const commentLengthAt = 20
const longestComment = 0xffff

/**
 * Parts a zip from its comment: `bare` is the same zip without one. Undefined when the bytes do not end as a zip does. The last
 * end record counts, as for who unpacks it.
 */
export function splitComment(zip: Buffer): { readonly bare: Buffer; readonly comment: Buffer } | undefined {
  const at = zip.lastIndexOf(endSignature, zip.length - endBytes)
  if (at < 0 || zip.length < endBytes || zip.length - at - endBytes > longestComment) return undefined
  const comment = zip.subarray(at + endBytes)
  if (zip.readUInt16LE(at + commentLengthAt) !== comment.length) return undefined
  const bare = Buffer.from(zip.subarray(0, at + endBytes))
  bare.writeUInt16LE(0, at + commentLengthAt)
  return { bare, comment }
}

/** Adds a comment to a zip that has none. */
export function withComment(bare: Buffer, comment: string): Buffer {
  const bytes = Buffer.from(comment, 'latin1')
  if (bytes.length > longestComment) throw new RangeError('a comment of a zip has 65,535 bytes at most')
  const zip = Buffer.concat([bare, bytes])
  zip.writeUInt16LE(bytes.length, bare.length - endBytes + commentLengthAt)
  return zip
}
