/**
 * A program for the first process of a sandbox whose root is an image, which may hold no program that could be counted
 * on, no shell even. It has the kernel bury what ends (SIGCHLD is ignored) and sleeps for ever, in one page of memory.
 */

const loadAddress = 0x400000n
const headerBytes = 64 + 56

interface Machine {
  readonly elfNumber: number
  readonly code: Buffer
}

/** struct sigaction of the kernel, whose handler is SIG_IGN, padded with the empty mask. */
const ignoreAction = (() => {
  const action = Buffer.alloc(32)
  action.writeBigUInt64LE(1n)
  return action
})()

const words = (...values: readonly number[]): Buffer => {
  const buffer = Buffer.alloc(values.length * 4)
  for (const [index, value] of values.entries()) buffer.writeUInt32LE(value, index * 4)
  return buffer
}

const machines: Readonly<Record<string, Machine>> = {
  x64: {
    elfNumber: 62,
    code: Buffer.from(
      [
        ...['b80d000000', 'bf11000000'], // mov eax, rt_sigaction; mov edi, SIGCHLD
        ...['488d3517000000', '31d2', '41ba08000000'], // lea rsi, [action]; xor edx, edx; mov r10d, 8
        ...['0f05', 'b822000000', '0f05', 'ebf7'], // syscall; again: mov eax, pause; syscall; jmp again
        '90909090', // the action lies on a multiple of 8
      ].join(''),
      'hex',
    ),
  },
  arm64: {
    elfNumber: 183,
    code: words(
      ...[0xd28010c8, 0xd2800220, 0x10000181], // mov x8, rt_sigaction; mov x0, SIGCHLD; adr x1, action
      ...[0xd2800002, 0xd2800103, 0xd4000001], // mov x2, 0; mov x3, 8; svc 0
      ...[0xd2800928, 0xd2800000, 0xd2800001], // again: mov x8, ppoll; mov x0, 0; mov x1, 0
      ...[0xd2800002, 0xd2800003, 0xd4000001], // mov x2, 0; mov x3, 0; svc 0
      ...[0x17fffffa, 0xd503201f], // b again; nop
    ),
  },
}

/** The program as a static ELF file for an architecture as Node.js names it. */
export function holderProgram(arch: string): Buffer {
  const machine = machines[arch]
  if (!machine) throw new Error(`container images cannot be run on ${arch}`)
  const size = headerBytes + machine.code.length + ignoreAction.length
  const header = Buffer.alloc(headerBytes)
  // e_ident: 64 bits, little-endian, version 1.
  Buffer.from('7f454c46020101', 'hex').copy(header)
  header.writeUInt16LE(2, 16) // e_type: executable
  header.writeUInt16LE(machine.elfNumber, 18)
  header.writeUInt32LE(1, 20) // e_version
  header.writeBigUInt64LE(loadAddress + BigInt(headerBytes), 24) // e_entry
  header.writeBigUInt64LE(64n, 32) // e_phoff
  header.writeUInt16LE(64, 52) // e_ehsize
  header.writeUInt16LE(56, 54) // e_phentsize
  header.writeUInt16LE(1, 56) // e_phnum
  header.writeUInt32LE(1, 64) // p_type: load
  header.writeUInt32LE(5, 68) // p_flags: readable, executable
  header.writeBigUInt64LE(loadAddress, 80) // p_vaddr
  header.writeBigUInt64LE(loadAddress, 88) // p_paddr
  header.writeBigUInt64LE(BigInt(size), 96) // p_filesz
  header.writeBigUInt64LE(BigInt(size), 104) // p_memsz
  header.writeBigUInt64LE(0x10000n, 112) // p_align: the largest page there is
  return Buffer.concat([header, machine.code, ignoreAction])
}
