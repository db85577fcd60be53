package weft.runtime;

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** The connection to the host, which the launcher left as descriptor 0. Speaks the frames of protocol.md. */
final class Link {
  static final int INVOKE = 2;
  static final int READY = 17;
  static final int INIT_ERROR = 18;
  static final int RESPONSE = 19;
  static final int ERROR = 20;
  static final int LOG = 21;
  static final int FATAL = 22;
  static final int RESTORE = 3;
  static final int RESTORED = 26;
  static final int RESTORE_ERROR = 27;

  private final DataInputStream in = new DataInputStream(new BufferedInputStream(new FileInputStream(FileDescriptor.in), 65_536));
  private final FileOutputStream out = new FileOutputStream(FileDescriptor.in);

  static final class Frame {
    final int type;
    final ByteBuffer body;

    Frame(int type, ByteBuffer body) {
      this.type = type;
      this.body = body;
    }
  }

  /** The next frame, or null when the host has hung up. */
  Frame read() throws IOException {
    try {
      int length = in.readInt();
      int type = in.readUnsignedByte();
      byte[] body = new byte[length - 1];
      in.readFully(body);
      return new Frame(type, ByteBuffer.wrap(body));
    } catch (EOFException end) {
      return null;
    }
  }

  /** Any thread may send; a frame is written in one piece. */
  synchronized void send(int type, byte[]... parts) {
    int length = 1;
    for (byte[] part : parts) length += part.length;
    ByteBuffer frame = ByteBuffer.allocate(4 + length).putInt(length).put((byte) type);
    for (byte[] part : parts) frame.put(part);
    try {
      out.write(frame.array());
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  void log(String message) {
    byte[] stamp = ByteBuffer.allocate(8).putDouble(System.currentTimeMillis()).array();
    send(LOG, stamp, message.getBytes(StandardCharsets.UTF_8));
  }
}
