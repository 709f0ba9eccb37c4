//! The socket file: made for its owner only, given up with the process, and closed to other users even if somebody
//! widens its mode. It must not know what is spoken over it.

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
    /// Listens at `path`. What lies there is a dead node's: the caller holds the lease of the data directory.
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
        // Left behind it only costs the next command line one refused connection.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Listener for Socket {
    type Io = UnixStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (UnixStream, SocketAddr) {
        loop {
            let (stream, address) = Listener::accept(&mut self.listener).await;
            // root may read the data directory anyway.
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
