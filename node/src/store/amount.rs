//! An integer that the database sums up. It must be readable after any sum: in SQLite an overflow turns an integer into
//! a REAL.

use sea_orm::sea_query::{ArrayType, ColumnType, Nullable, ValueType, ValueTypeErr};
use sea_orm::{ColIdx, QueryResult, TryGetError, TryGetable, Value};

/// A stored sum; a REAL is read as the nearest integer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount(pub i64);

impl TryGetable for Amount {
    fn try_get_by<I: ColIdx>(row: &QueryResult, index: I) -> Result<Self, TryGetError> {
        match i64::try_get_by(row, index) {
            Err(error @ TryGetError::DbErr(_)) => {
                let real = f64::try_get_by(row, index).map_err(|_| error)?;
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "`as` ends at the edges of an i64, which is what is wanted"
                )]
                Ok(Self(real as i64))
            }
            other => other.map(Self),
        }
    }
}

impl From<Amount> for Value {
    fn from(amount: Amount) -> Self {
        amount.0.into()
    }
}

impl ValueType for Amount {
    fn try_from(value: Value) -> Result<Self, ValueTypeErr> {
        <i64 as ValueType>::try_from(value).map(Self)
    }

    fn type_name() -> String {
        "Amount".into()
    }

    fn array_type() -> ArrayType {
        i64::array_type()
    }

    fn column_type() -> ColumnType {
        i64::column_type()
    }
}

impl Nullable for Amount {
    fn null() -> Value {
        i64::null()
    }
}
