import { ZipFile } from 'yazl'

/** A package of one file. */
export async function zipText(name: string, text: string): Promise<Buffer> {
  const zip = new ZipFile()
  zip.addBuffer(Buffer.from(text), name)
  zip.end()
  return Buffer.concat((await zip.outputStream.toArray()) as Buffer[])
}
