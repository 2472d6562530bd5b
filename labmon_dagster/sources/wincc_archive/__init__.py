"""WinCC OA (PVSS) condition archives in Oracle, or in SQLite of the same shape."""
