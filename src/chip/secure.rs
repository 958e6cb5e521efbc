//! Steps with a secure channel (GlobalPlatform SCP03): it is opened with keys of the vault, and following commands go
//! through it until another application is selected. Knows no file.

use drivers::scp03::{Key, Keys, Level, Scp03Error, Session};

use super::run::Work;
use super::{FaultKind, SecretLength};

/// The keys of a secure channel in the vault, concatenated: ENC, MAC and DEK.
const KEYS: usize = 3;

impl Work<'_, '_> {
    pub(super) fn secure(
        &mut self,
        name: &str,
        key_version: u8,
        level: Level,
    ) -> Result<(), FaultKind> {
        let keys = self.keys(name)?;
        // The attempt changes the card: it counts failed authentications.
        self.touch();
        let challenge = (self.with.challenge)();
        let opened = Session::open(&mut self.channel, &keys, key_version, level, challenge, None);
        let session = opened.map_err(|why| broken(name, why))?;
        if keys.are_well_known() {
            self.known_keys.insert((self.selected.clone(), session.opened().key_version));
        }
        self.secure = Some(session);
        Ok(())
    }

    /// Puts new keys on the card. The card confirms them by their check values, which is how they are read back.
    /// Default keys count as gone when the new ones replace them, or when the card no longer lists them.
    pub(super) fn put_key(
        &mut self,
        name: &str,
        key_version: u8,
        replaces: u8,
    ) -> Result<(), FaultKind> {
        let keys = self.keys(name)?;
        self.touch();
        let session = self.secure.as_mut().ok_or(FaultKind::Unprotected)?;
        let put = session.put_key(&mut self.channel, replaces, key_version, &keys);
        put.map_err(|why| broken(name, why))?;
        let there = |version| (self.selected.clone(), version);
        self.known_keys.remove(&there(replaces));
        if self.known_keys.iter().any(|(domain, _)| *domain == self.selected) {
            let told = session.key_versions(&mut self.channel).map_err(|why| broken(name, why))?;
            self.known_keys.retain(|(domain, version)| {
                *domain != self.selected || told.as_ref().is_none_or(|told| told.contains(version))
            });
        }
        if keys.are_well_known() {
            self.known_keys.insert(there(key_version));
        }
        Ok(())
    }

    /// How much of a command of this size is left for data when it goes through the channel.
    pub(super) fn protected(&self, fits: usize) -> usize {
        self.secure.as_ref().map_or(fits, |session| session.data_max(&self.channel).min(fits))
    }

    fn keys(&self, name: &str) -> Result<Keys, FaultKind> {
        let all = self.key(name)?;
        let wrong =
            || FaultKind::KeyLength { name: name.to_owned(), wanted: SecretLength::Channel };
        if all.len() % KEYS != 0 {
            return Err(wrong());
        }
        let key = |place: usize| {
            let length = all.len() / KEYS;
            Key::new(&all[place * length..][..length]).map_err(|_| wrong())
        };
        Ok(Keys { enc: key(0)?, mac: key(1)?, dek: key(2)? })
    }
}

/// The fault behind a channel's error; `name` is that of its keys.
pub(super) fn broken(name: &str, why: Scp03Error) -> FaultKind {
    match why {
        Scp03Error::Encoder(error) => error.into(),
        Scp03Error::Refused { step: "EXTERNAL AUTHENTICATE", .. }
        | Scp03Error::WrongKeys
        | Scp03Error::OtherVersion { .. } => FaultKind::NotAuthentic(name.to_owned()),
        Scp03Error::Refused { status, .. } => FaultKind::Answer(status.0),
        Scp03Error::OtherProtocol { .. } | Scp03Error::Level(_) => FaultKind::OtherProtocol,
        Scp03Error::Tampered | Scp03Error::Closed => FaultKind::Unprotected,
        Scp03Error::Garbled(_) => FaultKind::AnswerLength,
        Scp03Error::TooLong { got, most } => FaultKind::TooLong { needs: got, fits: most },
        Scp03Error::KeysNotConfirmed => FaultKind::Different,
        Scp03Error::KeyLength(_) => {
            FaultKind::KeyLength { name: name.to_owned(), wanted: SecretLength::Channel }
        }
    }
}
