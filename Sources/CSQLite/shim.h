#pragma once
#include <sqlite3.h>

/* A macro with a cast, which Swift does not see: SQLite makes a copy of what is bound. */
static inline sqlite3_destructor_type stoker_sqlite_transient(void)
{
	return SQLITE_TRANSIENT;
}

/* Variadic, which Swift does not call. */
static inline int stoker_sqlite_defend(sqlite3 *database)
{
	int code = sqlite3_db_config(database, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)0);

	if (code != SQLITE_OK)
		return code;
	code = sqlite3_db_config(database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, (int *)0);
	if (code != SQLITE_OK)
		return code;
	code = sqlite3_db_config(database, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, (int *)0);
	if (code != SQLITE_OK)
		return code;
	return sqlite3_db_config(database, SQLITE_DBCONFIG_ENABLE_VIEW, 0, (int *)0);
}
