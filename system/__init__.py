"""What operating systems do differently: files and locks, processes and how they end, and the machine itself.

Each module here has the same functions on every system, from `system.posix` or `system.windows`. Nothing outside this
package asks on which system it runs.
"""
