export * from './driver.ts'
export * from './frames.ts'
export * from './output-lines.ts'
export * from './seccomp.ts'
