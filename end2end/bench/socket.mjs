// A minimal WebSocket client for measurements: reads whole text frames, sends one message at the start, answers pings.
import { connect } from "node:net";
import { randomBytes } from "node:crypto";

/** Resolves after the upgrade; `heard` gets each text frame. */
export function listen({ port, path, headers, first, heard }) {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => {
      const lines = Object.entries({ Host: `127.0.0.1:${port}`, Upgrade: "websocket", Connection: "Upgrade", ...headers });
      const key = randomBytes(16).toString("base64");
      socket.write(`GET ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`);
    });
    socket.setNoDelay(true);
    let buffer = Buffer.alloc(0);
    let open = false;
    socket.on("error", reject);
    socket.on("data", (chunk) => {
      buffer = Buffer.concat([buffer, chunk]);
      if (!open) {
        const end = buffer.indexOf("\r\n\r\n");
        if (end < 0) return;
        const status = buffer.subarray(0, end).toString();
        if (!status.startsWith("HTTP/1.1 101")) return reject(new Error(status));
        buffer = buffer.subarray(end + 4);
        open = true;
        socket.write(frame(first));
        resolve({ close: () => socket.destroy() });
      }
      for (;;) {
        if (buffer.length < 2) return;
        const short = buffer[1] & 0x7f;
        const start = short === 126 ? 4 : short === 127 ? 10 : 2;
        if (buffer.length < start) return;
        const size = short === 126 ? buffer.readUInt16BE(2) : short === 127 ? Number(buffer.readBigUInt64BE(2)) : short;
        if (buffer.length < start + size) return;
        // The node drops a client that does not answer a ping.
        if ((buffer[0] & 0x0f) === 9) socket.write(frame("", 10));
        if ((buffer[0] & 0x0f) === 1) heard(buffer.subarray(start, start + size).toString());
        buffer = buffer.subarray(start + size);
      }
    });
  });
}

function frame(text, opcode = 1) {
  const body = Buffer.from(text);
  if (body.length > 125) throw new Error("longer than this client says");
  const mask = randomBytes(4);
  return Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | body.length]), mask, body.map((byte, at) => byte ^ mask[at % 4])]);
}
