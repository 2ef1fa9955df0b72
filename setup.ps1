# Sets Frontburner up in this folder, without make. Windows refuses scripts unless they are asked for like this:
#   powershell -ExecutionPolicy Bypass -File setup.ps1
# Options: --help shows them. Written for Windows PowerShell 5.1, which every Windows has.
$test = 'import sys; print(sys.executable if (3, 11) <= sys.version_info[:2] < (3, 15) and sys.maxsize > 2**32 else str())'

function Find-Python {
    # The Python of Microsoft's store is left out: what it writes exists for itself alone.
    $tries = @()
    if (Get-Command py.exe -ErrorAction SilentlyContinue) {
        foreach ($version in '-3.11', '-3.12', '-3.13', '-3.14') { $tries += , @('py.exe', $version) }
    }
    foreach ($name in 'python.exe', "$env:LOCALAPPDATA\Programs\Python\Python311\python.exe") {
        if (Get-Command $name -ErrorAction SilentlyContinue) { $tries += , @($name, '-s') }
    }
    foreach ($try in $tries) {
        $found = & $try[0] $try[1] -c $test 2>$null
        if ($found -like '*python*.exe' -and $found -notlike '*WindowsApps*') { return $found }
    }
}

$python = Find-Python
if (-not $python -and (Get-Command winget.exe -ErrorAction SilentlyContinue)) {
    Write-Host 'Python 3.11 is missing on this machine. It is installed now, for you alone, by winget.'
    & winget.exe install --exact --id Python.Python.3.11 --scope user --silent --accept-package-agreements --accept-source-agreements
    $python = Find-Python
}
if (-not $python) {
    Write-Host 'Python 3.11 (64-bit) is missing on this machine. Install it, then run this again:'
    Write-Host '    https://www.python.org/downloads/release/python-3119/'
    exit 1
}
& $python (Join-Path $PSScriptRoot 'setup_environment.py') @args
exit $LASTEXITCODE
