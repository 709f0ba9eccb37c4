//! The socket file: only its owner can open it, it goes with the process, and it refuses other users even if its mode
//! is widened. It must not know the protocol spoken over it.

use axum::serve::Listener;
use std::{
    fs::Permissions,
    io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};
use tokio::net::{UnixListener, UnixStream, unix::SocketAddr};

/// The listening socket of a node.
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
    owner: u32,
}

impl Socket {
    /// Listens at `path`. An existing file belongs to a dead node, since the caller holds the lease of the data
    /// directory.
    pub fn bind(path: &Path) -> io::Result<Self> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(path)?;
        std::fs::set_permissions(path, Permissions::from_mode(0o600))?;
        let owner = std::fs::metadata(path)?.uid();
        Ok(Self {
            listener,
            path: path.to_owned(),
            owner,
        })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // A file left behind only costs the next command line a refused connection.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Listener for Socket {
    type Io = UnixStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (UnixStream, SocketAddr) {
        loop {
            let (stream, address) = Listener::accept(&mut self.listener).await;
            // root can read the data directory anyway.
            if stream
                .peer_cred()
                .is_ok_and(|peer| peer.uid() == self.owner || peer.uid() == 0)
            {
                return (stream, address);
            }
            tracing::warn!("another user of this machine tried the node's local socket");
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}
